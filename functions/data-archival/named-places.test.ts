import { describe, expect, it } from 'vitest';
import { configSchema } from './config.ts';
import { archiveBuckets, archivedDatabases, archiveKeys, archiveObjects, writtenDatabases } from './named-places.ts';

const rows = { table: 'listens', ageColumn: 'listened_at', retention: { months: 13 }, index: 'listens_listened_at' };

function configOf(given: object) {
  return configSchema.parse({ destination: { bucket: 'nycmg-archive' }, ...given });
}

describe('what the archival may reach', () => {
  it('is nothing without a policy', () => {
    const config = configOf({ drill: { database: 'drills' } });
    for (const names of [archivedDatabases, writtenDatabases, archiveBuckets, archiveObjects, archiveKeys]) {
      expect(names(config)).toEqual([]);
    }
  });

  it('is written to only where something is applied, and where what is applied is drilled', () => {
    const drill = { database: 'drills' };
    const shown = configOf({ drill, policies: [{ ...rows, id: 'listens' }] });
    expect([archivedDatabases(shown), writtenDatabases(shown)]).toEqual([['main'], []]);
    const policies = [
      { ...rows, id: 'listens' },
      { ...rows, id: 'events', database: 'audit', mode: 'apply' },
    ];
    const applied = configOf({ drill, policies });
    expect(archivedDatabases(applied)).toEqual(['main', 'audit', 'drills']);
    expect(writtenDatabases(applied)).toEqual(['audit', 'drills']);
    expect(writtenDatabases(configOf({ drill: { enabled: false, ...drill }, policies }))).toEqual(['audit']);
  });

  it('are the places of archives and the keys that they are encrypted with, in the partition of their region', () => {
    const kmsKeyArn = 'arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/1';
    const own = { bucket: 'gov', prefix: 'a/', region: 'us-gov-west-1', kmsKeyArn };
    const config = configOf({
      policies: [
        { ...rows, id: 'listens' },
        { ...rows, id: 'events' },
        { ...rows, id: 'notes', destination: own },
      ],
    });
    expect(archiveBuckets(config)).toEqual(['arn:aws:s3:::nycmg-archive', 'arn:aws-us-gov:s3:::gov']);
    expect(archiveObjects(config)).toEqual(['arn:aws:s3:::nycmg-archive/archives/*', 'arn:aws-us-gov:s3:::gov/a/*']);
    expect(archiveKeys(config)).toEqual([kmsKeyArn]);
    const odd = configOf({ destination: { bucket: 'odd', prefix: 'a*/' }, policies: [{ ...rows, id: 'listens' }] });
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is how IAM writes them
    expect(archiveObjects(odd)).toEqual(['arn:aws:s3:::odd/a${*}/*']);
  });
});
