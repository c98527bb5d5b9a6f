import type { SchemaElement } from 'hyparquet';
import type { CopiedRow } from './copy-text.ts';
import { parseDateDays, parseTimestampMicros } from './parse-timestamp.ts';
import { columnBytes } from './row-columns.ts';
import type { DecodeText } from './text-encoding.ts';

/** A value as hyparquet-writer takes it. */
export type ParquetValue = boolean | number | bigint | string | Uint8Array;

/** How a column is written as Parquet. */
export interface ParquetColumn {
  readonly element: SchemaElement;
  /** Returns a value from its text; undefined for one that the type in Parquet does not have, such as `infinity`. */
  readonly parse: (text: string) => ParquetValue | undefined;
}

/**
 * Decimals of so many digits fit into an INT64:
 * https://github.com/apache/parquet-format/blob/master/LogicalTypes.md#decimal
 */
const maximumDecimalDigits = 18;

/**
 * Returns how a column of a PostgreSQL type is written: whatever Parquet has no type for that holds every one of its
 * values exactly is text, as PostgreSQL writes it.
 *
 * @param type as `format_type` writes it.
 */
export function parquetColumn(name: string, type: string): ParquetColumn {
  const optional = { name, repetition_type: 'OPTIONAL' as const };
  switch (type) {
    case 'boolean':
      return { element: { ...optional, type: 'BOOLEAN' }, parse: (text) => text === 't' };
    case 'smallint':
    case 'integer':
      return { element: { ...optional, type: 'INT32' }, parse: Number };
    case 'bigint':
      return { element: { ...optional, type: 'INT64' }, parse: BigInt };
    case 'real':
      return { element: { ...optional, type: 'FLOAT' }, parse: Number };
    case 'double precision':
      return { element: { ...optional, type: 'DOUBLE' }, parse: Number };
    case 'date':
      return { element: { ...optional, type: 'INT32', converted_type: 'DATE' }, parse: parseDateDays };
    case 'uuid':
      return {
        element: { ...optional, type: 'FIXED_LEN_BYTE_ARRAY', type_length: 16, logical_type: { type: 'UUID' } },
        parse: (text) => text,
      };
    case 'bytea':
      // As bytea_output = hex has it: `\x` and two digits for each byte.
      return { element: { ...optional, type: 'BYTE_ARRAY' }, parse: (text) => Buffer.from(text.slice(2), 'hex') };
  }
  const isAdjustedToUTC = /^timestamp(\(\d\))? with time zone$/.test(type);
  if (isAdjustedToUTC || /^timestamp(\(\d\))? without time zone$/.test(type)) {
    const logical_type = { type: 'TIMESTAMP', isAdjustedToUTC, unit: 'MICROS' } as const;
    return { element: { ...optional, type: 'INT64', logical_type }, parse: parseTimestampMicros };
  }
  return decimalColumn(name, type) ?? textColumn(name);
}

/** Returns the value of a column of a row, ready to be written; null for NULL, undefined for one that cannot be. */
export function parquetValue(
  { parse }: ParquetColumn,
  row: CopiedRow,
  index: number,
  decode: DecodeText,
): ParquetValue | null | undefined {
  const bytes = columnBytes(row, index);
  return bytes === null ? null : parse(decode(bytes));
}

function textColumn(name: string): ParquetColumn {
  return {
    element: { name, repetition_type: 'OPTIONAL', type: 'BYTE_ARRAY', converted_type: 'UTF8' },
    parse: (text) => text,
  };
}

function decimalColumn(name: string, type: string): ParquetColumn | undefined {
  const [, digits, places] = /^numeric\((\d+),(\d+)\)$/.exec(type) ?? [];
  if (digits === undefined || places === undefined) return undefined;
  const precision = Number(digits);
  const scale = Number(places);
  if (precision > maximumDecimalDigits || scale > precision) return undefined;
  return {
    element: { name, repetition_type: 'OPTIONAL', type: 'INT64', converted_type: 'DECIMAL', precision, scale },
    // PostgreSQL writes every place of the scale, so that the digits are the unscaled value.
    parse: (text) => (text === 'NaN' ? undefined : BigInt(text.replace('.', ''))),
  };
}
