import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as registry from '../functions/index.ts';
import { deployToSandbox, type SandboxDeployment } from '../sandbox/deploy.ts';
import { type Sandbox, startSandbox } from '../sandbox/sandbox.ts';
import { glob } from '../shared/glob.ts';
import { reportSchema } from '../shared/report.ts';
import { smsSegments } from '../shared/text/gsm7.ts';

let sandbox: Sandbox;
let deployment: SandboxDeployment;
const scheduled = (second: number) => ({
  schedule: {
    arn: 'arn:aws:scheduler:us-east-1:123456789012:schedule/caretaker/certificate-expiry',
    scheduledTime: `2026-11-22T06:00:0${second}Z`,
  },
});

beforeAll(async () => {
  sandbox = await startSandbox();
  deployment = await deployToSandbox(sandbox);
});
afterAll(async () => {
  await deployment.undo();
  await sandbox.stop();
});

describe.each(Object.values(registry).map(({ id }) => id))(
  '%s over the sample estate, through the real handler',
  (id) => {
    it('finds every planted fault and nothing else', async () => {
      const result = await deployment.invoke(id);
      const report = await deployment.readReport(result);
      expect(reportSchema.parse(report)).toEqual(report);

      const expected = sandbox.expectations[id].flatMap(({ resourceId, findings, unchecked }) => [
        ...findings.map(({ rule, severity }) => `${resourceId} ${rule} ${severity}`),
        ...(unchecked === undefined ? [] : [`${resourceId} unchecked: ${unchecked}`]),
      ]);
      const reported = [
        ...report.findings.map(({ resource, rule, severity }) => `${resource.id} ${rule} ${severity}`),
        ...report.coverage.unchecked.map(({ resource, reason }) => `${resource.id} unchecked: ${reason}`),
      ];
      expect(reported.sort()).toEqual(expected.sort());
      expect(new Set(report.findings.map(({ id: findingId }) => findingId)).size).toBe(report.findings.length);
    });
  },
);

describe('certificate-expiry over the sample estate', () => {
  it('looks at every resource of the estate, healthy ones included', async () => {
    const report = await deployment.readReport(await deployment.invoke('certificate-expiry'));
    const unchecked = new Set(report.coverage.unchecked.map(({ resource }) => resource.id));
    const listings = report.coverage.byType.scope?.checked ?? 0;
    const reachable = sandbox.expectations['certificate-expiry'].filter(({ resourceId }) => !unchecked.has(resourceId));
    // Aurora clusters have no certificate of their own: their members do.
    const withoutOwn = sandbox.aws.certificates.rds.clusters.filter(
      ({ resource }) => resource.CertificateDetails === undefined,
    );
    expect(report.coverage.checked - listings).toBe(reachable.length - withoutOwn.length);
    expect(report.status).toBe('incomplete');
  });

  it('tells people once, by SMS and by mail, in each channel’s form', async () => {
    const before = sandbox.aws.deliveries().length;
    await deployment.invoke('certificate-expiry');
    const deliveries = sandbox.aws.deliveries().slice(before);
    expect(deliveries.map(({ protocol }) => protocol).sort()).toEqual(['email', 'sms']);
    const sms = deliveries.find(({ protocol }) => protocol === 'sms');
    expect(smsSegments(sms?.body ?? '')).toEqual({ encoding: 'gsm-7', segments: 1 });
    const email = deliveries.find(({ protocol }) => protocol === 'email');
    expect(email?.body).toContain('expired.nycmg.example');
    expect(email?.body).toContain('https://runbook.nycmg.example/#expired');
  });

  it('performs a scheduled run once, however often it is delivered', async () => {
    const before = sandbox.aws.deliveries().length;
    const first = await deployment.invoke('certificate-expiry', scheduled(0));
    const second = await deployment.invoke('certificate-expiry', scheduled(0));
    expect([first.status, second.status]).toEqual(['incomplete', 'skipped']);
    expect(sandbox.aws.deliveries().length - before).toBe(2);
    expect((await deployment.readReport(first)).trigger).toBe('schedule');
  });

  it('says when asked how long ago the last scheduled run was, and looks at nothing', async () => {
    const before = sandbox.aws.controlPlane.requests.length;
    expect(await deployment.invoke('certificate-expiry', { watch: true })).toEqual({
      task: 'certificate-expiry',
      status: 'watched',
    });
    expect(sandbox.aws.controlPlane.requests.length).toBe(before);
  });

  it('performs a scheduled run again when the first attempt could not tell anybody', async () => {
    const topic = process.env.CARETAKER_PAGE_TOPIC_ARN;
    process.env.CARETAKER_PAGE_TOPIC_ARN = `${topic}-gone`;
    try {
      await expect(deployment.invoke('certificate-expiry', scheduled(1))).rejects.toThrow();
    } finally {
      process.env.CARETAKER_PAGE_TOPIC_ARN = topic;
    }
    expect((await deployment.invoke('certificate-expiry', scheduled(1))).status).toBe('incomplete');
  });

  it('tells people what it found also when the report cannot be stored, and fails all the same', async () => {
    const bucket = process.env.CARETAKER_REPORT_BUCKET;
    process.env.CARETAKER_REPORT_BUCKET = 'no-such-bucket';
    const before = sandbox.aws.deliveries().length;
    try {
      await expect(deployment.invoke('certificate-expiry')).rejects.toThrow();
    } finally {
      process.env.CARETAKER_REPORT_BUCKET = bucket;
    }
    expect(sandbox.aws.deliveries().length - before).toBe(2);
  });

  it('refuses an event that it does not understand, and names every fault', async () => {
    const invoking = deployment.invoke('certificate-expiry', { nope: 1, scope: { only: 3 }, dryRun: 'yes' });
    await expect(invoking).rejects.toThrow(/nope: unknown key/);
    await expect(invoking).rejects.toThrow(/scope\.only/);
    await expect(deployment.invoke('certificate-expiry', { config: { warnDay: 3 } })).rejects.toThrow(
      /warnDay: unknown key/,
    );
  });

  it('narrows a run by hand to what a pattern matches', async () => {
    const event = { scope: { only: 'expired.nycmg.example:*' }, config: { sources: ['endpoints'] } };
    const result = await deployment.invoke('certificate-expiry', event);
    expect(result).toMatchObject({ status: 'findings', checked: 1, unchecked: 0, findings: 1 });
  });
});

describe('a run narrowed by --only', () => {
  it.each(['*rds-ca-2019*', 'stale-listener*', '*.web.nycmg.example', '*expired*'])(
    'finds on %s exactly what the whole run finds there',
    async (only) => {
      const whole = await deployment.readReport(await deployment.invoke('certificate-expiry'));
      const narrow = await deployment.readReport(await deployment.invoke('certificate-expiry', { scope: { only } }));
      const matches = glob(only);
      const there = whole.findings.filter(({ resource }) => matches(resource.name) || matches(resource.id));
      expect(there.length).toBeGreaterThan(0);
      expect(narrow.findings.map(({ id }) => id).sort()).toEqual(there.map(({ id }) => id).sort());
    },
  );
});

describe('faults of AWS', () => {
  /** Runs with a fault injected and returns what was unchecked, without the endpoints. */
  async function runWith(fault: Parameters<Sandbox['aws']['controlPlane']['inject']>[0]) {
    const undo = sandbox.aws.controlPlane.inject(fault);
    try {
      const sources = ['acm', 'iam', 'rds'];
      const report = await deployment.readReport(
        await deployment.invoke('certificate-expiry', { config: { sources } }),
      );
      return { report, unchecked: report.coverage.unchecked.map(({ resource, reason }) => `${resource.id} ${reason}`) };
    } finally {
      undo();
    }
  }

  it('that deny a listing leave that listing unchecked and everything else reported', async () => {
    const { report, unchecked } = await runWith({
      service: 'acm',
      operation: 'ListCertificates',
      region: 'us-west-2',
      fault: 'access-denied',
    });
    expect(unchecked).toEqual(['acm/123456789012/us-west-2 access-denied']);
    expect(report.status).toBe('incomplete');
    expect(report.coverage.byType['rds-instance']?.checked).toBeGreaterThan(0);
    expect(report.findings.some(({ resource }) => resource.region === 'us-east-1')).toBe(true);
  });

  it('that break a listing off on its second page keep the first page and leave the listing unchecked', async () => {
    const { report, unchecked } = await runWith({
      service: 'acm',
      operation: 'ListCertificates',
      region: 'us-east-1',
      afterRequests: 1,
      fault: 'access-denied',
    });
    expect(unchecked).toEqual(['acm/123456789012/us-east-1 access-denied']);
    expect(report.coverage.byType['acm-certificate']?.checked).toBeGreaterThanOrEqual(3);
  });

  it('that throttle one certificate for good leave that one unchecked', async () => {
    const resourceId = sandbox.aws.certificates.acm[0]?.resourceId ?? '';
    const { unchecked } = await runWith({
      service: 'acm',
      operation: 'DescribeCertificate',
      resourceId,
      fault: 'throttled',
    });
    expect(unchecked).toEqual([`${resourceId} throttled`]);
  });

  it('that throttle now and then are waited out by the SDK', async () => {
    const { unchecked } = await runWith({
      service: 'acm',
      operation: 'DescribeCertificate',
      times: 3,
      fault: 'throttled',
    });
    expect(unchecked).toEqual([]);
  });

  it('that take a whole region away leave that region unchecked and nothing else', async () => {
    const { unchecked } = await runWith({ service: 'rds', region: 'us-west-2', fault: 'reset' });
    expect(unchecked.sort()).toEqual([
      'rds/authorities/123456789012/us-west-2 unreachable',
      'rds/clusters/123456789012/us-west-2 unreachable',
      'rds/instances/123456789012/us-west-2 unreachable',
    ]);
  });

  it('that keep the account shut make the run fail, not pass', async () => {
    const { report, unchecked } = await runWith({ service: 'sts', fault: 'access-denied' });
    expect(unchecked).toContain('account/current access-denied');
    expect(report.status).toBe('failed');
  });
});
