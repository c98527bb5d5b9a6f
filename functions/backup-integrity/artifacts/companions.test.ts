import { describe, expect, it } from 'vitest';
import { companionKeys, expectedSha256, isCompanion } from './companions.ts';

const sum = 'ab'.repeat(32);
const other = 'cd'.repeat(32);
const key = 'dumps/2026/rights 1.dump';
const own = `${key}.sha256`;
const sums = 'dumps/2026/SHA256SUMS';
const json = 'dumps/2026/manifest.json';

describe('a companion', () => {
  it.each(['a.dump.sha256', 'x/manifest.json', 'SHA256SUMS', 'a.tar.asc', 'b.md5'])(
    'is no artifact: %s',
    (companion) => {
      expect(isCompanion(companion)).toBe(true);
    },
  );

  it.each(['a.dump', 'manifest.json.gz', 'my-manifest.json', 'SHA256SUMS.tar', 'sha256'])('is not %s', (artifact) => {
    expect(isCompanion(artifact)).toBe(false);
  });

  it('stands beside its artifact, or in the same folder', () => {
    expect(companionKeys('sha256', key)).toEqual([own]);
    expect(companionKeys('manifest', key)).toEqual([json, sums]);
    expect(companionKeys('manifest', 'a.dump')).toEqual(['manifest.json', 'SHA256SUMS']);
  });
});

describe('what sha256sum writes', () => {
  it.each([
    ['text', `${sum}  rights 1.dump\n`],
    ['binary', `${sum} *rights 1.dump\n`],
    ['Windows', `${sum} *rights 1.dump\r\n`],
    ['a mark of the byte order', `\uFEFF${sum}  rights 1.dump\n`],
    ['upper case', `${sum.toUpperCase()}  rights 1.dump\n`],
    ['tags', `SHA256 (rights 1.dump) = ${sum}\n`],
    ['a path', `${sum}  ./rights 1.dump\n`],
    ['a longer path', `${sum}  ./2026/rights 1.dump\n`],
    ['others beside it', `${other}  rights 2.dump\n${sum}  rights 1.dump\n${other}  1.dump\n`],
  ])('is read: %s', (_, text) => {
    expect(expectedSha256(text, sums, key)).toBe(sum);
    expect(expectedSha256(text, own, key)).toBe(sum);
  });

  it('is read with its escapes', () => {
    const odd = 'dumps/2026/a\\b\nc.dump';
    expect(expectedSha256(`\\${sum}  a\\\\b\\nc.dump\n`, sums, odd)).toBe(sum);
    expect(expectedSha256(`\\SHA256 (a\\\\b\\nc.dump) = ${sum}\n`, sums, odd)).toBe(sum);
    expect(expectedSha256(`${sum}  a\\\\b\\nc.dump\n`, sums, odd)).toBeUndefined();
  });

  it('may be the bare hash, or call the artifact by its name before the upload, where it is of this artifact alone', () => {
    expect(expectedSha256(`${sum}\n`, own, key)).toBe(sum);
    expect(expectedSha256(`${sum}  /tmp/backup.tmp\n`, own, key)).toBe(sum);
    expect(expectedSha256(`${sum}  /tmp/backup.tmp\n`, sums, key)).toBeUndefined();
    expect(expectedSha256(`${sum}  a\n${other}  b\n`, own, key)).toBeUndefined();
  });

  it.each(['', '\n', 'sha256sum: rights 1.dump: No such file\n', `${sum.slice(1)}  rights 1.dump\n`, '\0\xff'])(
    'tells nothing when it is something else: %j',
    (text) => {
      expect(expectedSha256(text, own, key)).toBeUndefined();
    },
  );
});

describe('a manifest in JSON', () => {
  it.each([
    [
      'files by name',
      {
        files: [
          { name: 'other', sha256: other },
          { name: 'rights 1.dump', sha256: sum, size: 5 },
        ],
      },
    ],
    ['files by path', { version: 1, files: [{ path: './rights 1.dump', sha256: sum }] }],
    ['files by key', { files: [{ key, sha256: sum }] }],
    ['a list', [{ file: 'rights 1.dump', sha256: sum.toUpperCase() }]],
    ['names', { 'rights 1.dump': sum, 'made-by': 'cron' }],
    ['names with more than the hash', { files: { 'rights 1.dump': { sha256: sum, bytes: 5 } } }],
    ['Base64', { 'rights 1.dump': Buffer.from(sum, 'hex').toString('base64') }],
    ['others that make no sense', { files: [null, 3, { name: 'x' }, { name: 'rights 1.dump', sha256: sum }] }],
  ])('is read: %s', (_, manifest) => {
    expect(expectedSha256(JSON.stringify(manifest), json, key)).toBe(sum);
  });

  it.each(['', '{', 'null', '[]', '"x"', '{"files":3}', '{"rights 1.dump":"abc"}', '{"__proto__":1}'])(
    'tells nothing when it does not have the artifact: %j',
    (text) => {
      expect(expectedSha256(text, json, key)).toBeUndefined();
    },
  );
});
