import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  archiveFolder,
  completionKey,
  copyFileName,
  exclusionsKey,
  exclusionsNumber,
  fileKey,
  manifestKey,
  newAttempt,
  parquetFileName,
  parseArchiveKey,
} from './archive-names.ts';

describe('the names of archives', () => {
  it('are in the order of their numbers', () => {
    const folders = [1, 2, 9, 10, 11, 99_999_999].map((sequence) => archiveFolder('listens', sequence));
    expect(folders).toEqual([...folders].sort());
    expect(folders[0]).toBe('listens/00000001/');
  });

  it('say what they are of', () => {
    expect(parseArchiveKey('listens', manifestKey('listens', 7))).toEqual({ sequence: 7, name: 'manifest.json' });
    expect(parseArchiveKey('listens', completionKey('listens', 7))).toEqual({ sequence: 7, name: 'completed.json' });
    expect(parseArchiveKey('listens', fileKey('listens', 7, 'a/b.copy.zst'))).toEqual({
      sequence: 7,
      name: 'a/b.copy.zst',
    });
    expect(exclusionsNumber(parseArchiveKey('listens', exclusionsKey('listens', 7, 12))?.name ?? '')).toBe(12);
  });

  it("are of no archive where they are another policy's or somebody else's", () => {
    for (const key of [
      'listen/00000001/manifest.json',
      'listens/1/manifest.json',
      'listens/00000000/a',
      'listens/00000001/',
    ]) {
      expect(parseArchiveKey('listens', key)).toBeUndefined();
    }
    for (const name of ['exclusions-0.json', 'exclusions-01.json', 'exclusions-1.json.bak', 'manifest.json']) {
      expect(exclusionsNumber(name)).toBeUndefined();
    }
  });

  it('tell any two tables apart, in letters that every tool takes', () => {
    const identifier = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }).filter((name) => name.isWellFormed());
    const table = fc.record({ schema: identifier, name: identifier });
    fc.assert(
      fc.property(table, table, (a, b) => {
        expect(copyFileName('x', a)).toMatch(/^x\/[A-Za-z0-9_%-]+\.[A-Za-z0-9_%-]+\.copy\.zst$/);
        const isSame = a.schema === b.schema && a.name === b.name;
        expect(copyFileName('x', a) === copyFileName('x', b)).toBe(isSame);
      }),
    );
    expect(copyFileName('x', { schema: 'a.b', name: 'c' })).not.toBe(copyFileName('x', { schema: 'a', name: 'b.c' }));
    expect(parquetFileName('x', { schema: 'public', name: 'Ä' })).toBe('x/public.%C3%84.parquet');
  });

  it('are new for every attempt', () => {
    expect(newAttempt()).toMatch(/^[0-9a-f]{16}$/);
    expect(newAttempt()).not.toBe(newAttempt());
  });
});
