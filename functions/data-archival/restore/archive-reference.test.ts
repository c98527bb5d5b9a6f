import { describe, expect, it } from 'vitest';
import { configSchema } from '../config.ts';
import { parseReference } from './archive-reference.ts';

const policy = { table: 'listens', ageColumn: 'heard', retention: { days: 1 }, index: 'by_age' };
const config = configSchema.parse({
  destination: { bucket: 'archives', prefix: 'a/', region: 'us-west-2' },
  policies: [
    { ...policy, id: 'listens' },
    { ...policy, id: 'audit-log', destination: { bucket: 'audit', prefix: '' } },
  ],
});

describe('an archive is named', () => {
  it('by its policy, for the latest, or with its number', () => {
    expect(parseReference('listens', config)).toMatchObject({
      destination: { bucket: 'archives', prefix: 'a/', region: 'us-west-2' },
      policy: 'listens',
      sequence: undefined,
    });
    expect(parseReference('audit-log/12', config)).toMatchObject({
      destination: { bucket: 'audit', prefix: '' },
      policy: 'audit-log',
      sequence: 12,
    });
    expect(parseReference('listens/00000007', config).sequence).toBe(7);
  });

  it('by the address of its manifest, whether its policy is still configured or not', () => {
    expect(parseReference('s3://archives/a/listens/00000012/manifest.json', config)).toEqual({
      destination: config.destination,
      policy: 'listens',
      sequence: 12,
    });
    expect(parseReference('s3://audit/audit-log/00000001/manifest.json', config)).toMatchObject({
      destination: { bucket: 'audit', prefix: '' },
      policy: 'audit-log',
    });
    expect(parseReference('s3://archives/old/2020/gone/00000001/manifest.json', config)).toMatchObject({
      destination: { bucket: 'archives', prefix: 'old/2020/', region: 'us-west-2' },
      policy: 'gone',
      sequence: 1,
    });
    expect(parseReference('s3://elsewhere/gone/00000001/manifest.json', config).destination).toMatchObject({
      bucket: 'elsewhere',
      prefix: '',
    });
  });

  it.each([
    '',
    '/',
    'tracks',
    'tracks/1',
    'listens/',
    'listens/0',
    'listens/x',
    'listens/1/2',
    's3://archives',
    's3://archives/a/listens/00000012/',
    's3://archives/a/listens/12/manifest.json',
    's3://archives/a/listens/00000000/manifest.json',
    's3://archives/a/listens/00000012/completed.json',
    'https://archives/a/listens/00000012/manifest.json',
  ])('not by "%s"', (text) => {
    expect(() => parseReference(text, config)).toThrow(SyntaxError);
  });
});
