import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryTable, hostileText } from '../notify/report-fixtures.ts';
import type { ReportTable } from '../report.ts';
import { displayWidth } from './display-width.ts';
import { alignedTable, blockTable } from './text-table.ts';

const timeZone = 'America/New_York';

const restorable: ReportTable = {
  title: 'What could be restored',
  columns: [
    { key: 'name', title: 'Resource' },
    { key: 'rpoActualMinutes', title: 'Would lose' },
    { key: 'newestAt', title: 'Newest point' },
    { key: 'copies', title: 'Copies' },
    { key: 'isImmutable', title: 'Immutable' },
  ],
  rows: [
    {
      name: 'nycmg-rights',
      rpoActualMinutes: 4332,
      newestAt: '2026-11-20T11:48:00Z',
      copies: 'us-east-1, us-west-2',
      isImmutable: true,
    },
    {
      name: 'カタログ',
      rpoActualMinutes: 5,
      newestAt: '2026-11-23T10:55:00Z',
      copies: 'us-east-1',
      isImmutable: false,
    },
    { name: 'nycmg-artists', rpoActualMinutes: null, newestAt: null, copies: null, isImmutable: null },
  ],
};

function aligned(width: number): string {
  return alignedTable(restorable, { width, timeZone })?.join('\n') ?? 'does not fit';
}

describe('alignedTable', () => {
  it('aligns columns, numbers to the right and wide characters by their width', () => {
    expect(aligned(100)).toBe(
      `
  Resource       Would lose  Newest point             Copies                Immutable
  -------------  ----------  -----------------------  --------------------  ---------
  nycmg-rights   3 d 12 min  2026-11-20 06:48 -05:00  us-east-1, us-west-2  yes
  カタログ            5 min  2026-11-23 05:55 -05:00  us-east-1             no
  nycmg-artists           –  –                        –                     –`.slice(1),
    );
  });

  it('breaks headings first', () => {
    const table = {
      title: 'T',
      columns: [
        { key: 'name', title: 'Name' },
        { key: 'keptDays', title: 'Kept for at least' },
      ],
      rows: [{ name: 'nycmg-rights', keptDays: 35 }],
    };
    expect(alignedTable(table, { width: 24, timeZone })).toEqual([
      '  Name          Kept for',
      '                at least',
      '  ------------  --------',
      '  nycmg-rights      35 d',
    ]);
  });

  it('then breaks texts at spaces, and times behind the date last', () => {
    expect(aligned(85)).toContain('2026-11-20 06:48 -05:00  us-east-1, us-west-2  yes');
    expect(aligned(84)).toContain('2026-11-20 06:48 -05:00  us-east-1,           yes');
    const narrow = aligned(64);
    expect(narrow).toBe(
      `
  Resource       Would lose  Newest point  Copies      Immutable
  -------------  ----------  ------------  ----------  ---------
  nycmg-rights   3 d 12 min  2026-11-20    us-east-1,  yes
                             06:48 -05:00  us-west-2
  カタログ            5 min  2026-11-23    us-east-1   no
                             05:55 -05:00
  nycmg-artists           –  –             –           –`.slice(1),
    );
  });

  it('does not fit where a name or a number would have to be broken', () => {
    expect(aligned(64)).not.toBe('does not fit');
    expect(aligned(63)).toBe('does not fit');
  });

  it('does not fit where a text would take more lines than can be read', () => {
    const table = (words: number) => ({
      title: 'T',
      columns: [{ key: 'text', title: 'T' }],
      rows: [{ text: Array.from({ length: words }, () => 'a').join(' ') }],
    });
    expect(alignedTable(table(15), { width: 12, timeZone })).toHaveLength(2 + 3);
    expect(alignedTable(table(16), { width: 12, timeZone })).toBeUndefined();
  });

  it('breaks a word that is longer than a name, without adding a space', () => {
    const arn = `arn:aws:rds:us-east-1:123456789012:db:${'x'.repeat(30)}`;
    const table = { title: 'T', columns: [{ key: 'arn', title: 'ARN' }], rows: [{ arn }] };
    expect(alignedTable(table, { width: 80, timeZone })?.at(-1)).toBe(`  ${arn}`);
    const lines = alignedTable(table, { width: 40, timeZone })?.slice(2) ?? [];
    expect(lines.map((line) => line.trim()).join('')).toBe(arn);
  });
});

describe('blockTable', () => {
  it('shows as many pairs in a line as have room', () => {
    expect(blockTable({ ...restorable, rows: restorable.rows.slice(0, 2) }, { width: 61, timeZone })).toEqual([
      '  Resource: nycmg-rights',
      '    Would lose: 3 d 12 min',
      '    Newest point: 2026-11-20 06:48 -05:00',
      '    Copies: us-east-1, us-west-2 · Immutable: yes',
      '',
      '  Resource: カタログ',
      '    Would lose: 5 min · Newest point: 2026-11-23 05:55 -05:00',
      '    Copies: us-east-1 · Immutable: no',
    ]);
  });

  it('keeps within 40 columns, and gives what takes two lines its own', () => {
    const table = {
      title: 'T',
      columns: [
        { key: 'name', title: 'Resource' },
        { key: 'newestAt', title: 'Newest restore point' },
        { key: 'isImmutable', title: 'Immutable' },
      ],
      rows: [{ name: 'nycmg-royalties-ledger-2026-q4', newestAt: '2026-11-20T11:48:00Z', isImmutable: true }],
    };
    expect(blockTable(table, { width: 40, timeZone })).toEqual([
      '  Resource:',
      '    nycmg-royalties-ledger-2026-q4',
      '    Newest restore point:',
      '      2026-11-20 06:48 -05:00',
      '    Immutable: yes',
    ]);
  });
});

describe('any table', () => {
  it('has no line beyond the width, and none that acts', () => {
    fc.assert(
      fc.property(arbitraryTable, fc.integer({ min: 40, max: 200 }), (table, width) => {
        const lines = alignedTable(table, { width, timeZone }) ?? [];
        for (const line of [...lines, ...blockTable(table, { width, timeZone })]) {
          expect(displayWidth(line)).toBeLessThanOrEqual(width);
          expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
        }
      }),
    );
  });

  it('shows every cell, up to a length that leaves room for others', () => {
    const table: ReportTable = {
      title: 'T',
      columns: [{ key: 'a', title: hostileText }],
      rows: [{ a: hostileText }, {}, { a: null }],
    };
    const text = blockTable(table, { width: 400, timeZone }).join('\n');
    expect(text).toContain('\\u001b[2J\\u0000\\r\\nBcc: x@evil.example');
    expect(text.match(/: –$/gmu)).toHaveLength(2);
    const huge = { ...table, rows: [{ a: 'x'.repeat(100_000) }] };
    expect(blockTable(huge, { width: 400, timeZone }).join('')).toMatch(/x{199}…$/u);
  });
});
