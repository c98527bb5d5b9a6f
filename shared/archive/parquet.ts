import { constants, zstdCompressSync } from 'node:zlib';
import { ByteWriter, type ColumnSource, ParquetWriter } from 'hyparquet-writer';
import type { ArchiveStore } from './archive-store.ts';
import { CopyTextReader } from './copy-text.ts';
import type { ManifestTable } from './manifest.ts';
import { type ParquetValue, parquetColumn, parquetValue } from './parquet-column.ts';
import { textDecoder } from './text-encoding.ts';
import { writeHashed } from './write-file.ts';

/** What a group holds at most: all of it is in memory before it is written. */
const rowsPerGroup = 20_000;
const bytesPerGroup = 8 * 1024 * 1024;

/** A copy as it was sent. */
export interface WrittenParquet {
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
  readonly rows: number;
}

/**
 * Writes the rows of a table as Parquet, to be asked questions of: timestamps to the microsecond, `numeric` exact,
 * whatever Parquet has no type for as PostgreSQL's text. It is not good to restore from: values that its types do not
 * have, such as infinite dates, are null there; how many of each column, the file's metadata says under
 * `caretaker.unrepresented.<column>`.
 *
 * @param text COPY text of these columns, in the encoding.
 * @throws UncheckedError `encoding-unknown`; CopyTextError; and what the store throws.
 */
export async function writeParquetFile(
  text: AsyncIterable<Uint8Array>,
  { columns, encoding }: { readonly columns: ManifestTable['columns']; readonly encoding: string },
  store: ArchiveStore,
  key: string,
): Promise<WrittenParquet> {
  const file = new ParquetFile(columns, encoding);
  const { bytes, sha256 } = await writeHashed(file.write(text), store, key);
  return { bytes, sha256, rows: file.rows };
}

class ParquetFile {
  rows = 0;
  readonly #columns: readonly ReturnType<typeof parquetColumn>[];
  readonly #data: (ParquetValue | null)[][];
  readonly #unrepresented: number[];
  readonly #reader: CopyTextReader;
  readonly #bytes = new ByteWriter();
  readonly #writer: ParquetWriter;
  #groupBytes = 0;

  constructor(columns: ManifestTable['columns'], encoding: string) {
    const decode = textDecoder(encoding);
    this.#columns = columns.map(({ name, type }) => parquetColumn(name, type));
    this.#data = columns.map(() => []);
    this.#unrepresented = columns.map(() => 0);
    this.#reader = new CopyTextReader(columns.length, (row) => {
      for (const [index, column] of this.#columns.entries()) {
        const value = parquetValue(column, row, index, decode);
        if (value === undefined) (this.#unrepresented[index] as number) += 1;
        (this.#data[index] as (ParquetValue | null)[]).push(value ?? null);
      }
      this.rows += 1;
      this.#groupBytes += Math.max(row.starts.at(-1) ?? 0, row.ends.at(-1) ?? 0);
      if (this.#groupRows >= rowsPerGroup || this.#groupBytes >= bytesPerGroup) this.#writeGroup();
    });
    const elements = this.#columns.map(({ element }) => element);
    this.#writer = new ParquetWriter({
      writer: this.#bytes as never,
      schema: [{ name: 'row', num_children: elements.length }, ...elements],
      codec: 'ZSTD',
      compressors: {
        ZSTD: (input) => zstdCompressSync(input, { params: { [constants.ZSTD_c_compressionLevel]: 1 } }),
      },
      createdBy: 'caretaker',
    });
  }

  async *write(text: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of text) {
      this.#reader.push(chunk);
      yield* this.#written();
    }
    this.#reader.end();
    if (this.#groupRows > 0) this.#writeGroup();
    this.#writer.kvMetadata = this.#columns.flatMap(({ element }, index) => {
      const count = this.#unrepresented[index] as number;
      return count === 0 ? [] : [{ key: `caretaker.unrepresented.${element.name}`, value: String(count) }];
    });
    this.#writer.finish();
    yield* this.#written();
  }

  get #groupRows(): number {
    return this.#data[0]?.length ?? 0;
  }

  #writeGroup(): void {
    const columnData = this.#columns.map(({ element }, index) => ({
      name: element.name,
      data: this.#data[index],
      // Its page index would be held to the end of the file.
      offsetIndex: false,
    })) as ColumnSource[];
    this.#writer.write({ columnData, rowGroupSize: rowsPerGroup });
    for (const values of this.#data) values.length = 0;
    this.#groupBytes = 0;
  }

  *#written(): Generator<Uint8Array, void, undefined> {
    if (this.#bytes.index === 0) return;
    yield this.#bytes.getBytes().slice();
    this.#bytes.index = 0;
  }
}
