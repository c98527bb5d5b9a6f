import { describe, expect, it } from 'vitest';
import { definitionHash } from './definition-hash.ts';
import { rowPolicy } from './row-fixtures.ts';

describe('the hash of a definition', () => {
  const policy = rowPolicy();
  const hash = definitionHash(policy, ['a']);

  it('is the same whatever the order of keys, the mode and the pace', () => {
    const others = { ...Object.fromEntries(Object.entries(policy).reverse()), mode: 'dry-run', pace: { batchRows: 1 } };
    expect(definitionHash({ ...others, maximumBacklogHours: 1 }, ['a'])).toBe(hash);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
  });

  it('is another one for whatever decides which rows go where, and for other tables', () => {
    const others = [
      rowPolicy({ retention: { months: 12 } }),
      rowPolicy({ where: 'true' }),
      rowPolicy({ ageTimeZone: 'America/New_York' }),
      rowPolicy({ guards: { maximumRows: 1 } }),
      rowPolicy({ children: [{ table: 'notes', columns: ['listen_id'] }] }),
      rowPolicy({ acceptedTriggers: ['public.listens.audit'] }),
      { ...policy, destination: { bucket: 'elsewhere' } },
    ];
    const hashes = [hash, definitionHash(policy, ['b']), definitionHash(policy, ['a', 'b'])];
    const all = [...hashes, ...others.map((other) => definitionHash(other, ['a']))];
    expect(new Set(all).size).toBe(all.length);
  });
});
