/**
 * A table with a column of every type that PostgreSQL brings, and rows with what is hard to carry over in each: text with tabs, line
 * breaks and backslashes, nothing beside nothing at all, numbers with more digits than any number of JavaScript has, times without end.
 */
export const everyTypeTable = 'history.every_type';

const columns: readonly (readonly [name: string, type: string, ...values: string[]])[] = [
  ['a_smallint', 'smallint', '-32768', '32767'],
  ['an_integer', 'integer', '-2147483648', '2147483647'],
  ['a_bigint', 'bigint', '-9223372036854775808', '9223372036854775807'],
  [
    'a_numeric',
    'numeric',
    "'123456789012345678901234567890123456789012345678901234567890.0987654321'",
    "'NaN'",
    "'-Infinity'",
  ],
  ['a_scaled_numeric', 'numeric(50, 10)', "'1234567890123456789012345678901234567890.0000000010'", "'0.0000000000'"],
  ['a_real', 'real', "'1.17549435e-38'", "'-0'", "'NaN'"],
  ['a_double', 'double precision', "'5e-324'", "'Infinity'", '0.1'],
  ['an_amount', 'money', "'-92233720368547758.08'", "'0.99'"],
  ['a_boolean', 'boolean', 'true', 'false'],
  ['a_char', 'char(7)', "'ab'", "''"],
  ['a_varchar', 'varchar(20)', "'  padded  '", "''"],
  [
    'a_text',
    'text',
    "e'tab\\tline\\nreturn\\rback\\\\slash\\bfeed\\f\\vdel\\x7f'",
    "''",
    "e'\\\\N'",
    "e'\\\\.'",
    "'Brooklyn \u2014 \u5317\u6771 \u{1f3b7} e\u0301 \u00e9 \u202eabc'",
  ],
  ['a_name', 'name', "'nycmg'"],
  ['a_byte', '"char"', "'x'", "e'\\\\200'"],
  ['some_bytes', 'bytea', "'\\x00ff5c0a0d09'", "''"],
  ['a_date', 'date', "'infinity'", "'-infinity'", "'4713-01-01 BC'", "'5874897-12-31'"],
  ['a_time', 'time', "'24:00:00'", "'00:00:00.000001'"],
  ['a_time_with_zone', 'timetz', "'23:59:59.999999-04:56:02'"],
  [
    'a_timestamp',
    'timestamp',
    "'infinity'",
    "'-infinity'",
    "'4713-01-01 00:00:00 BC'",
    "'294276-12-31 23:59:59.999999'",
  ],
  [
    'a_timestamp_with_zone',
    'timestamptz',
    "'infinity'",
    "'1883-11-18 12:03:58-04:56:02'",
    "'2026-11-01 05:30:00.000001+00'",
  ],
  ['an_interval', 'interval', "'-178000000 years -11 mons'", "'1 mon -1 day +00:00:00.000001'", "'infinity'"],
  ['a_uuid', 'uuid', "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"],
  ['a_json', 'json', `'{"b" : 1, "a":\t"\\u00e9\\n", "b":2}'`, "'null'"],
  ['a_jsonb', 'jsonb', `'{"b": 1e400, "a": "\\u00e9\\n\\\\", "c": [null, {}]}'`, '\'""\''],
  ['a_jsonpath', 'jsonpath', "'$.track[*] ? (@.year > 1977)'"],
  ['an_xml', 'xml', '\'<track title="a &amp; b">\u00e9</track>\'', "''"],
  ['an_inet', 'inet', "'192.168.0.1/24'", "'2001:db8::1'"],
  ['a_cidr', 'cidr', "'10.0.0.0/8'"],
  ['a_macaddr', 'macaddr', "'08:00:2b:01:02:03'"],
  ['a_macaddr8', 'macaddr8', "'08:00:2b:01:02:03:04:05'"],
  ['a_point', 'point', "'(40.7265,-73.9815)'", "'(Infinity,NaN)'"],
  ['a_line', 'line', "'{1,-1,0.1}'"],
  ['a_segment', 'lseg', "'[(0,0),(1,1)]'"],
  ['a_box', 'box', "'(2,2),(0,0)'"],
  ['a_path', 'path', "'[(0,0),(1,1),(2,0)]'", "'((0,0),(1,1))'"],
  ['a_polygon', 'polygon', "'((0,0),(1,1),(2,0))'"],
  ['a_circle', 'circle', "'<(0,0),5>'"],
  ['some_bits', 'bit(5)', "B'10101'"],
  ['many_bits', 'bit varying', "B''", "B'1010101010101'"],
  ['a_vector', 'tsvector', "'''side a'':1A ''b\\\\'':2'"],
  ['a_query', 'tsquery', "'salsa & !disco:*'"],
  ['an_int_range', 'int4range', "'[1,10)'", "'empty'", "'(,)'"],
  ['a_bigint_range', 'int8range', "'[1,)'"],
  ['a_numeric_range', 'numrange', "'(0.10,1.50]'"],
  ['a_time_range', 'tsrange', "'[2020-01-01,infinity]'"],
  ['a_zoned_range', 'tstzrange', "'[2020-01-01 00:00:00+00,)'"],
  ['a_date_range', 'daterange', "'[2020-02-29,2020-03-01)'"],
  ['ranges', 'int4multirange', "'{[1,3),[7,9)}'", "'{}'"],
  ['an_oid', 'oid', '4294967295'],
  ['a_log_position', 'pg_lsn', "'16/B374D848'"],
  ['a_transaction', 'xid8', "'18446744073709551615'"],
  ['a_snapshot', 'pg_snapshot', "'10:20:10,14,15'"],
  ['a_mood', 'history.mood', "'blue'", "'so \"blue\", it''s \\ no color'"],
  ['a_rating', 'history.rating', '5'],
  ['a_place', 'history.place', `row('The "Barge", \\ Brooklyn', null, 40.66)`, "row('', 2, null)"],
  ['texts', 'text[]', `array['', null, 'NULL', 'a "b"', 'c\\d', '{e,f}', e'\\n']`, "'{}'"],
  ['a_matrix', 'integer[]', "'[0:1][-1:0]={{1,2},{3,null}}'"],
  ['moods', 'history.mood[]', "array['blue', null]::history.mood[]"],
  ['places', 'history.place[]', `array[row('x,y', 1, 0.5)]::history.place[]`],
  ['periods', 'daterange[]', "array['[2020-01-01,2020-02-01)', null]::daterange[]"],
];

/** Rows: one for each value of the column that has most, then one of nothing but nulls, then as many that must stay. */
const valueRows = Math.max(...columns.map(([, , ...values]) => values.length));

/** How many of the rows are past the retention of thirteen months. */
export const everyTypeOldRows = valueRows + 1;

/** Returns SQL that makes the types and the table and fills it; `at` is an SQL expression for the present. */
export function everyTypeSql(at: string): string {
  const rows = Array.from({ length: valueRows + 1 }, (_, index) => {
    const values = columns.map(([, type, ...given]) => {
      const value = index === valueRows ? undefined : given[index % given.length];
      return value === undefined ? 'null' : `(${value})::${type}`;
    });
    return `select ${[`${at} - interval '${20 + index} months'`, ...values].join(', ')}`;
  });
  const names = ['made_at', ...columns.map(([name]) => name)].join(', ');
  return `
create type history.mood as enum ('happy', 'blue', 'so "blue", it''s \\ no color');
create domain history.rating as smallint check (value between 1 and 5);
create type history.place as (name text, borough_id smallint, latitude numeric);
create table history.every_type (
  id integer generated always as identity primary key,
  made_at timestamptz not null,
  ${columns.map(([name, type]) => `${name} ${type}`).join(',\n  ')},
  a_stored text generated always as (coalesce(a_text, '') || ' stored') stored,
  a_virtual bigint generated always as (an_integer::bigint * 2) virtual,
  "a Column, ""named"" badly" text default 'x'
);
create index every_type_made_at on history.every_type (made_at, id);
insert into history.every_type (${names})
${rows.join('\nunion all ')};
-- What must stay, and is otherwise the same: twice as many.
insert into history.every_type (${names})
  select ${at} - interval '1 day', ${columns.map(([name]) => name).join(', ')}
  from history.every_type, generate_series(1, 2) order by id;
`;
}
