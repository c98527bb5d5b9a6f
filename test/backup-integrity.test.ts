import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Fault } from '../sandbox/control-plane/faults.ts';
import { deployToSandbox, type SandboxDeployment } from '../sandbox/deploy.ts';
import { type Sandbox, startSandbox } from '../sandbox/sandbox.ts';
import type { Report } from '../shared/report.ts';

let sandbox: Sandbox;
let deployment: SandboxDeployment;
let whole: Report;

beforeAll(async () => {
  sandbox = await startSandbox();
  deployment = await deployToSandbox(sandbox);
  whole = await run();
});
afterAll(async () => {
  await deployment.undo();
  await sandbox.stop();
});

async function run(event: object = {}): Promise<Report> {
  return deployment.readReport(await deployment.invoke('backup-integrity', event));
}

/** Returns the report of a run during which these faults are in force. */
async function runWith(...faults: Fault[]): Promise<Report> {
  const undo = faults.map((fault) => sandbox.aws.controlPlane.inject(fault));
  try {
    return await run();
  } finally {
    for (const lift of undo) lift();
  }
}

/** What waits to be read again gets less from run to run: that a finding of it goes is no fault. */
const findingLines = ({ findings }: Report) =>
  findings
    .filter(({ rule }) => rule !== 'verification-overdue')
    .map(({ id, rule, resource }) => `${id} ${rule} ${resource.id}`);
const uncheckedIds = ({ coverage }: Report) => coverage.unchecked.map(({ resource }) => resource.id);

/** What is newly unchecked for a fault, as `id reason`. */
function newlyUnchecked(report: Report): string[] {
  const before = new Set(uncheckedIds(whole));
  return report.coverage.unchecked
    .filter(({ resource }) => !before.has(resource.id))
    .map(({ resource, reason }) => `${resource.id} ${reason}`);
}

/**
 * What a fault must never do: hide a finding about something that is not listed as unchecked, or about which nothing listed as
 * unchecked says anything.
 */
function hiddenFindings(report: Report, isHidden: (resourceId: string) => boolean): string[] {
  const still = new Set(findingLines(report));
  const unseen = new Set(uncheckedIds(report));
  return whole.findings
    .filter(({ rule }) => rule !== 'verification-overdue')
    .filter(({ id, rule, resource }) => !still.has(`${id} ${rule} ${resource.id}`))
    .filter(({ resource }) => !unseen.has(resource.id) && !isHidden(resource.id))
    .map(({ rule, resource }) => `${rule} ${resource.id}`);
}

describe('the sample estate', () => {
  it('has at least 25 planted faults, in databases, AWS Backup and S3 alike', () => {
    const planted = sandbox.expectations['backup-integrity'].flatMap(({ resourceId, findings }) =>
      findings.map(() => resourceId.split(':').slice(0, 3).join(':')),
    );
    expect(planted.length).toBeGreaterThanOrEqual(25);
    const counts = Map.groupBy(planted, (id) => (id.startsWith('s3://') ? 'arn:aws:s3' : id));
    for (const family of ['arn:aws:rds', 'arn:aws:backup', 'arn:aws:s3']) {
      expect(counts.get(family)?.length, family).toBeGreaterThanOrEqual(5);
    }
  });

  it('is told in one sentence, and in a row for each resource', () => {
    expect(whole.headline).toMatch(
      /^\d+ of \d+ resources could be restored as their policies ask; .*could not be looked at\.$/,
    );
    const rows = whole.tables?.[0]?.rows ?? [];
    expect(rows.find(({ name }) => name === 'nycmg-db-listens')).toMatchObject({
      rpoTargetMinutes: 60,
      rpoActualMinutes: 180,
    });
    expect(rows.find(({ name }) => name === 'nycmg-db-rights')).toMatchObject({
      rtoTargetMinutes: 120,
      rtoMeasuredMinutes: 42,
      isImmutable: true,
      copies: 'us-east-1, us-west-2',
    });
  });

  it('is looked at in small pages and still whole', () => {
    const databases = whole.coverage.byType['rds-instance'];
    expect(databases?.checked).toBe(databases?.expected);
    expect(databases?.checked).toBeGreaterThan(20);
  });
});

describe('faults of AWS', () => {
  const primary = 'arn:aws:backup:us-east-1:123456789012:backup-vault:nycmg-primary';
  const locked = 'arn:aws:backup:us-east-1:123456789012:backup-vault:nycmg-locked';

  it('that deny one vault and throttle another leave these unchecked and report the rest', async () => {
    const report = await runWith(
      { service: 'backup', operation: 'ListRecoveryPointsByBackupVault', resourceId: primary, fault: 'access-denied' },
      {
        service: 'backup',
        operation: 'ListRecoveryPointsByBackupVault',
        resourceId: locked,
        region: 'us-east-1',
        fault: 'throttled',
      },
    );
    expect(report.status).toBe('incomplete');
    expect(newlyUnchecked(report)).toEqual(expect.arrayContaining([`${primary} access-denied`, `${locked} throttled`]));
    // What was in these vaults cannot be judged, and nothing else may go.
    const isInside = (id: string) =>
      id.includes(':recovery-point:') || id.includes(':snapshot:') || id.includes('dynamodb');
    expect(hiddenFindings(report, isInside)).toEqual([]);
    expect(report.findings.length).toBeGreaterThan(50);
  });

  it('that hide vaults accuse nobody of backups that may be in them', async () => {
    const report = await runWith({
      service: 'backup',
      operation: 'ListRecoveryPointsByBackupVault',
      fault: 'access-denied',
    });
    const absence = ['no-restore-point', 'copy-missing', 'not-immutable', 'annual-missing', 'covered-without-point'];
    expect(report.findings.filter(({ rule }) => absence.includes(rule)).map(({ resource }) => resource.id)).toEqual([]);
    expect(report.coverage.unchecked.some(({ reason }) => reason === 'partly-seen')).toBe(true);
    expect(report.status).toBe('incomplete');
  });

  it('that take a whole region away leave everything in it unchecked, and nothing is called clean', async () => {
    const services = ['rds', 'backup', 'kms', 'tagging'];
    const report = await runWith(
      ...services.map((service): Fault => ({ service, region: 'us-west-2', fault: 'reset' })),
    );
    expect(report.status).toBe('incomplete');
    const unreachable = report.coverage.unchecked.filter(({ reason }) => reason === 'unreachable');
    expect(unreachable.length).toBeGreaterThanOrEqual(8);
    expect(unreachable.every(({ resource }) => resource.region === 'us-west-2')).toBe(true);
    expect(hiddenFindings(report, (id) => id.includes('us-west-2'))).toEqual([]);
    // Copies in that region may be there: nobody is accused of lacking one.
    expect(report.findings.filter(({ rule }) => rule === 'copy-missing')).toEqual([]);
  });

  it('that break a listing off on its second page keep what came before', async () => {
    const report = await runWith({
      service: 'rds',
      operation: 'DescribeDBInstances',
      region: 'us-east-1',
      afterRequests: 1,
      fault: 'access-denied',
    });
    expect(report.status).toBe('incomplete');
    expect(newlyUnchecked(report)).toContain('rds/instances/123456789012/us-east-1 access-denied');
    expect(report.coverage.byType['rds-instance']?.checked).toBeGreaterThanOrEqual(3);
  });

  it('that throttle now and then are waited out by the SDK', async () => {
    const report = await runWith({
      service: 'backup',
      operation: 'GetBackupVaultAccessPolicy',
      times: 3,
      fault: 'throttled',
    });
    expect(newlyUnchecked(report)).toEqual([]);
    expect(findingLines(report).sort()).toEqual(findingLines(whole).sort());
  });

  it('that keep the account shut leave everything in it unlooked at, and say so', async () => {
    const report = await runWith({ service: 'sts', fault: 'access-denied' });
    expect(newlyUnchecked(report)).toContain('account/current access-denied');
    expect(report.status).toBe('incomplete');
    // Buckets that the configuration names are read all the same; of what the account holds nothing is known.
    const types = new Set(Object.keys(report.coverage.byType));
    expect([...types].filter((type) => /^(rds|backup-vault|recovery|dynamodb|s3-bucket)/.test(type))).toEqual([]);
  });

  it.each(['nycmg-backups', 'nycmg-masters'])(
    'that deny the bucket %s leave what is in it unchecked',
    async (bucket) => {
      const report = await runWith({ service: 's3', resourceId: bucket, fault: 'access-denied' });
      expect(report.status).toBe('incomplete');
      const inside = [...sandbox.expectations['backup-integrity']]
        .map(({ resourceId }) => resourceId)
        .filter((id) => id.startsWith(`s3://${bucket}/`) && id.endsWith('/'));
      expect(inside.length).toBeGreaterThan(3);
      for (const id of inside) expect(uncheckedIds(report)).toContain(id);
      expect(report.findings.filter(({ resource }) => inside.includes(resource.id))).toEqual([]);
    },
  );

  it('that hide a copy bucket accuse nobody of having nothing in it', async () => {
    const report = await runWith({ service: 's3', resourceId: 'nycmg-audio-copy', fault: 'access-denied' });
    const audio = 'arn:aws:s3:::nycmg-audio';
    const absence = ['no-restore-point', 'copy-missing', 'rpo-exceeded'];
    const accused = report.findings.filter(({ resource, rule }) => resource.id === audio && absence.includes(rule));
    expect(accused).toEqual([]);
    expect(report.coverage.unchecked).toContainEqual(
      expect.objectContaining({ resource: expect.objectContaining({ id: audio }), reason: 'partly-seen' }),
    );
  });

  it('that deny what says nothing of backups leave every accusation standing', async () => {
    const report = await runWith(
      { service: 'backup', operation: 'ListProtectedResources', fault: 'access-denied' },
      { service: 'rds', operation: 'DescribeDBSubnetGroups', fault: 'access-denied' },
    );
    expect(report.status).toBe('incomplete');
    const absence = ['no-restore-point', 'copy-missing', 'not-immutable', 'annual-missing', 'restore-unproven'];
    const accused = ({ findings }: Report) =>
      findings.filter(({ rule }) => absence.includes(rule)).map(({ rule, resource }) => `${rule} ${resource.id}`);
    expect(accused(report).sort()).toEqual(accused(whole).sort());
  });
});

describe('a run that leaves AWS Backup out', () => {
  it('accuses nobody of lacking what only AWS Backup may have', async () => {
    const report = await run({ config: { sources: ['rds', 's3', 'others'] } });
    const absence = ['no-restore-point', 'copy-missing', 'not-immutable', 'annual-missing', 'restore-unproven'];
    expect(report.findings.filter(({ rule }) => absence.includes(rule))).toEqual([]);
    expect(report.status).toBe('incomplete');
  });
});

describe('a policy that finds less than it expects', () => {
  it('makes the run fail: it looks in the wrong place, or what it was to protect is gone', async () => {
    const policies = [{ id: 'gone', select: { ids: ['nycmg-no-such-database'] }, rpoMinutes: 60 }];
    const report = await run({ config: { policies } });
    expect(report.status).toBe('failed');
    expect(report.coverage.unchecked).toContainEqual(
      expect.objectContaining({
        reason: 'fewer-than-expected',
        resource: expect.objectContaining({ id: 'policy/nycmg/gone' }),
      }),
    );
  });

  it('does not when the run is narrowed', async () => {
    const policies = [{ id: 'gone', select: { ids: ['nycmg-no-such-database'] }, rpoMinutes: 60 }];
    const report = await run({ config: { policies }, scope: { only: 'nycmg-db-rights' } });
    expect(report.coverage.unchecked.filter(({ reason }) => reason === 'fewer-than-expected')).toEqual([]);
  });
});

describe('a run narrowed by --only', () => {
  it.each(['nycmg-db-rights', '*:backup-vault:nycmg-*', 's3://nycmg-backups/*', '*nycmg-db-catalog*'])(
    'finds on %s exactly what the whole run finds there',
    async (only) => {
      const matches = (text: string) => new RegExp(`^${only.replaceAll('*', '.*')}$`).test(text);
      const narrow = await run({ scope: { only } });
      const there = whole.findings.filter(({ resource }) => matches(resource.name) || matches(resource.id));
      expect(there.length).toBeGreaterThan(0);
      expect(narrow.findings.map(({ id }) => id).sort()).toEqual(there.map(({ id }) => id).sort());
    },
  );
});

describe('a run narrowed to a region', () => {
  it('reads objects where their buckets are, whichever region it names first', async () => {
    const before = sandbox.aws.controlPlane.requests.length;
    const report = await run({ scope: { regions: ['us-west-2', 'us-east-1'] } });
    const read = sandbox.aws.controlPlane.requests
      .slice(before)
      .filter(({ operation }) => operation === 'GetObject')
      .map(({ region }) => region);
    // Every bucket that is read from is in the estate's first region, by name or by default.
    expect(new Set(read)).toEqual(new Set(['us-east-1']));
    // What a narrowed run cannot know is all that it leaves unchecked.
    expect(newlyUnchecked(report).filter((line) => !line.endsWith(' partly-seen'))).toEqual([]);
  });

  it('does not take copies in the other regions for missing', async () => {
    const report = await run({ scope: { regions: ['us-east-1'] } });
    expect(report.findings.filter(({ rule }) => rule === 'copy-missing')).toEqual([]);
    expect(report.status).toBe('incomplete');
  });
});
