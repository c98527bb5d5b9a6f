import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FileControlStore } from '../shared/control/file-control-store.ts';
import { planHash } from '../shared/retention/plan.ts';
import { approvalOf, markBegun, savePlan } from '../shared/retention/plans.ts';
import { caretakerIn, type DeployedStage, purgeConfiguration, startStage, uploadsPlan } from './desk-fixtures.ts';
import { operatingSystemUser } from './operating-system-user.ts';

let directory: string;
let state: string;
let control: FileControlStore;
const tomorrow = new Date(Date.now() + 86_400_000);
const yesterday = new Date(Date.now() - 86_400_000);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'caretaker-approve-'));
  await writeFile(join(directory, 'estate.json'), JSON.stringify(purgeConfiguration));
});
afterAll(() => rm(directory, { recursive: true }));
beforeEach(async () => {
  state = await mkdtemp(join(directory, 'state-'));
  control = new FileControlStore(join(state, 'caretaker', 'nycmg', 'control'));
});

const approve = (...args: string[]) =>
  caretakerIn(directory, ['approve', ...args, '--config', 'estate.json'], { XDG_STATE_HOME: state });

describe('caretaker approve', () => {
  it('shows the plan and approves it, in the name of the user', async () => {
    const hash = await savePlan(control, uploadsPlan(), tomorrow);
    const { code, stdout, stderr } = await approve(hash);
    expect([code, stderr]).toEqual([0, '']);
    const [by, ...lines] = stdout
      .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d -0[45]:00/g, 'TIME')
      .split('\n')
      .reverse();
    expect(lines.reverse().join('\n').replaceAll(operatingSystemUser(), 'ME')).toBe(`Plan ${hash} · this machine

  policy        uploads of data-purge
  does          Deletes 1,234 of 5,000 listed (uploads), 3 MiB.
  below         s3://nycmg-uploads/incoming/
  older than    2026-10-21T12:00:00.000Z
  made          TIME by grace@laptop
  to begin by   TIME
  approved      TIME by ME

Approved by ME.
Somebody else than who approved it begins it: caretaker run data-purge --config
  estate.json --apply`);
    expect(by).toBe('');
    expect(await approvalOf(control, hash)).toMatchObject({ by: operatingSystemUser() });
  });

  it('takes the first twelve digits of a plan that waits, and prints one JSON document', async () => {
    const hash = await savePlan(control, uploadsPlan(), tomorrow);
    expect((await approve(hash.slice(0, 11))).code).toBe(2);
    const { code, stdout } = await approve(hash.slice(0, 12).toUpperCase(), '--json');
    expect([code, JSON.parse(stdout)]).toEqual([
      0,
      {
        outcome: 'approved',
        code: null,
        message: `Approved by ${operatingSystemUser()}.`,
        hash,
        plan: uploadsPlan(),
        isWaiting: true,
        validUntil: tomorrow.toISOString(),
        approval: { by: operatingSystemUser(), at: expect.any(String) },
      },
    ]);
  });

  it('only shows the plan when asked to', async () => {
    const hash = await savePlan(control, uploadsPlan(), tomorrow);
    const { code, stdout } = await approve(hash, '--show');
    expect(code).toBe(0);
    expect(stdout).toContain(`To approve just this: caretaker approve ${hash} --config estate.json`);
    expect(await approvalOf(control, hash)).toBeUndefined();
  });

  it('says who has approved it before, and does not do it again', async () => {
    const hash = await savePlan(control, uploadsPlan(), tomorrow);
    await approve(hash);
    const first = await approvalOf(control, hash);
    const { code, stdout } = await approve(hash, '--json');
    expect([code, JSON.parse(stdout).outcome]).toEqual([0, 'already-approved']);
    expect(await approvalOf(control, hash)).toEqual(first);
  });

  it('lets nobody wait for a plan that was begun before', async () => {
    const plan = uploadsPlan();
    const hash = await savePlan(control, plan, tomorrow);
    expect((await approve(hash)).code).toBe(0);
    await markBegun(control, hash, plan, 'bob@desk', new Date());
    const other = await savePlan(control, { ...plan, policy: 'parts' }, tomorrow);
    await markBegun(control, other, { ...plan, policy: 'parts' }, 'bob@desk', new Date());
    for (const args of [[hash], [hash, '--show']]) {
      const { code, stdout } = await approve(...args);
      expect([code, stdout]).toEqual([0, expect.stringContaining('It does not wait any more')]);
      expect(stdout).not.toContain('begins it');
    }
    const refused = await approve(other);
    expect([refused.code, refused.stdout]).toEqual([1, expect.stringContaining('REFUSED (not-waiting)')]);
  });

  it('says where else to look for a plan that is not there, and of a folder that it may not read', async () => {
    const { stdout } = await approve('f'.repeat(64));
    expect(stdout).toContain('--stage <stage>');
    // A file where a folder should be cannot be read by the superuser either.
    await rm(join(state, 'caretaker'), { recursive: true, force: true });
    await writeFile(join(state, 'caretaker'), '');
    const { code, stderr } = await approve('f'.repeat(64));
    expect(code).toBe(1);
    expect(stderr).toMatch(/^What is kept on this machine could not be used: ENOTDIR.*\n$/);
  });

  it('refuses a plan of one’s own, one that is too old, and one that was changed, and says why', async () => {
    const own = await savePlan(control, uploadsPlan({ plannedBy: operatingSystemUser() }), tomorrow);
    const expired = await savePlan(control, { ...uploadsPlan(), policy: 'parts' }, yesterday);
    const changed = planHash(uploadsPlan({ bytes: 1 }));
    await control.write(`plan/${changed}`, { plan: uploadsPlan({ bytes: 2 }), validUntil: tomorrow.toISOString() });
    for (const [hash, code] of [
      [own, 'own-plan'],
      [expired, 'expired-plan'],
      [changed, 'changed-plan'],
      ['f'.repeat(64), 'unknown-plan'],
      ['f'.repeat(12), 'unknown-plan'],
    ] as const) {
      const refused = await approve(hash);
      expect([refused.code, refused.stderr]).toEqual([1, '']);
      expect(refused.stdout).toContain(`REFUSED (${code}): `);
      expect(refused.stdout.includes('Another user of the system does')).toBe(code === 'own-plan');
      expect(await approvalOf(control, hash.padEnd(64, 'f'))).toBeUndefined();
    }
  });

  it('shows what a plan says as text and nothing else, on a narrow terminal too', async () => {
    const hostile = 'in\u001b[2Jcoming/\u202e';
    const hash = await savePlan(control, uploadsPlan({ prefix: hostile }), tomorrow);
    expect((await approve(hash, '--show')).stdout).toContain('s3://nycmg-uploads/in\\u001b[2Jcoming/\\u202e');
    for (const args of [[hash], [hash, '--json']]) {
      const { stdout } = await approve(...args);
      expect(stdout).not.toContain('\u001b');
    }
  });

  it.each([['x'.repeat(64)], ['abc'], ['--list']])('is called wrongly with %j', async (argument) => {
    const { code, stdout, stderr } = await approve(argument);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).not.toBe('');
  });
});

describe('caretaker approve --stage', () => {
  let stage: DeployedStage;
  beforeAll(async () => {
    stage = await startStage({
      'caretaker-prod-data-purge': {},
      'caretaker-old-data-purge': { CARETAKER_LEDGER_BUCKET: '' },
    });
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  const on = (...args: string[]) => caretakerIn(directory, ['approve', ...args], stage.environment);

  it('approves what waits where it is deployed, in the name that AWS knows the caller by', async () => {
    const hash = await savePlan(
      stage.control,
      uploadsPlan({ plannedBy: 'lambda:caretaker-prod-data-purge:7' }),
      tomorrow,
    );
    const { code, stdout, stderr } = await on(hash, '--stage', 'prod');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`Plan ${hash} · the stage prod`);
    expect(stdout).toContain('The next run of data-purge begins it.');
    expect(await approvalOf(stage.control, hash)).toMatchObject({ by: stage.arn });
    // The one that is not deployed is no reason to give up.
    expect(stage.asked).toEqual(['caretaker-prod-data-archival', 'caretaker-prod-data-purge']);
  });

  it('takes the beginning of a hash where the configuration is at hand', async () => {
    const hash = await savePlan(stage.control, uploadsPlan({ bytes: 7 }), tomorrow);
    const beginning = hash.slice(0, 14);
    expect((await on(beginning, '--stage', 'prod')).code).toBe(2);
    expect((await on(beginning, '--stage', 'prod', '--config', 'estate.json')).code).toBe(0);
    expect(await approvalOf(stage.control, hash)).toBeDefined();
  });

  it('refuses the caller’s own plan', async () => {
    const hash = await savePlan(stage.control, uploadsPlan({ plannedBy: stage.arn }), tomorrow);
    const { code, stdout } = await on(hash, '--stage', 'prod');
    expect([code, stdout.includes('own-plan')]).toEqual([1, true]);
  });

  it('says when there is no such stage, when it is too old, when no region is named, and when AWS refuses', async () => {
    const hash = 'a'.repeat(64);
    const nowhere = await on(hash, '--stage', 'nowhere');
    expect([nowhere.code, nowhere.stderr]).toEqual([2, expect.stringContaining('there is no stage nowhere')]);
    const old = await on(hash, '--stage', 'old');
    expect([old.code, old.stderr]).toEqual([2, expect.stringContaining('CARETAKER_LEDGER_BUCKET')]);
    const { AWS_REGION, ...elsewhere } = stage.environment;
    const lost = await caretakerIn(directory, ['approve', hash, '--stage', 'prod'], elsewhere);
    expect([AWS_REGION, lost.code, lost.stderr]).toEqual(['us-east-1', 2, expect.stringContaining('--region')]);
    const environment = { ...stage.environment, AWS_ENDPOINT_URL_LAMBDA: 'http://127.0.0.1:1', AWS_MAX_ATTEMPTS: '1' };
    const refused = await caretakerIn(directory, ['approve', hash, '--stage', 'prod'], environment);
    expect([refused.code, refused.stdout]).toEqual([1, '']);
    expect(refused.stderr).toMatch(/^The stage prod could not be asked: .*ECONNREFUSED/);
  });
});
