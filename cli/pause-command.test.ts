import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FileControlStore } from '../shared/control/file-control-store.ts';
import { pausedBy } from '../shared/retention/pause.ts';
import { caretakerIn, purgeConfiguration, startStage } from './desk-fixtures.ts';
import { operatingSystemUser } from './operating-system-user.ts';

let directory: string;
let state: string;
let control: FileControlStore;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'caretaker-pause-'));
  await writeFile(join(directory, 'estate.json'), JSON.stringify(purgeConfiguration));
});
afterAll(() => rm(directory, { recursive: true }));
beforeEach(async () => {
  state = await mkdtemp(join(directory, 'state-'));
  control = new FileControlStore(join(state, 'caretaker', 'nycmg', 'control'));
});

const caretaker = (...args: string[]) =>
  caretakerIn(directory, [...args, '--config', 'estate.json'], { XDG_STATE_HOME: state });
const withTimes = (text: string) =>
  text.replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d -0[45]:00/g, 'TIME').replaceAll(/\s+/g, ' ');

describe('caretaker pause and resume', () => {
  it('stop a task, say so, and let it go on', async () => {
    const paused = await caretaker('pause', 'data-purge', '--reason', 'the replica lags');
    expect([paused.code, paused.stderr]).toEqual([0, '']);
    expect(withTimes(paused.stdout)).toBe(
      'Paused: all of data-purge on this machine. It stops before its next batch. ' +
        'To let it go on: caretaker resume data-purge --config estate.json ',
    );
    const said = { by: operatingSystemUser(), reason: 'the replica lags' };
    expect(await pausedBy(control, 'data-purge', 'uploads')).toMatchObject(said);
    expect(await pausedBy(control, 'data-archival', 'uploads')).toBeUndefined();
    const resumed = await caretaker('resume', 'data-purge');
    expect([resumed.code, resumed.stdout]).toEqual([0, 'Resumed: all of data-purge on this machine.\n']);
    expect(await pausedBy(control, 'data-purge', 'uploads')).toBeUndefined();
    expect((await caretaker('resume', 'data-purge')).stdout).toBe('Not paused: all of data-purge on this machine.\n');
  });

  it('say who had paused it before, and why, as that is replaced', async () => {
    await caretaker('pause', 'data-purge', '--reason', 'the replica lags');
    const again = await caretaker('pause', 'data-purge', '--reason', 'and so it does');
    expect([again.code, withTimes(again.stdout)]).toEqual([
      0,
      `It was paused before: all of data-purge, since TIME, by ${operatingSystemUser()}: the replica lags ` +
        'Paused: all of data-purge on this machine. It stops before its next batch. ' +
        'To let it go on: caretaker resume data-purge --config estate.json ',
    ]);
    expect(await pausedBy(control, 'data-purge', 'uploads')).toMatchObject({ reason: 'and so it does' });
  });

  it('stop one policy, list it, and say that it is still stopped when the rest is not', async () => {
    await caretaker('pause', 'data-purge', '--policy', 'uploads', '--reason', 'a\u001b[2Jb');
    await caretaker('pause', '--reason', 'all of it');
    expect(await pausedBy(control, 'data-archival', 'listens')).toMatchObject({ reason: 'all of it' });
    const list = await caretaker('pause', '--list');
    expect(withTimes(list.stdout).replaceAll(operatingSystemUser(), 'ME')).toBe(
      'all of data-archival, since TIME, by ME: all of it all of data-purge, since TIME, by ME: all of it ' +
        'uploads of data-purge, since TIME, by ME: a\\u001b[2Jb ',
    );
    const json = JSON.parse((await caretaker('pause', 'data-purge', '--list', '--json')).stdout);
    expect(json).toMatchObject([
      { task: 'data-purge', reason: 'all of it' },
      { task: 'data-purge', policy: 'uploads' },
    ]);
    const resumed = await caretaker('resume');
    expect(withTimes(resumed.stdout)).toContain('Still paused: uploads of data-purge, since TIME');
    expect(JSON.parse((await caretaker('resume', 'data-purge', '--policy', 'uploads', '--json')).stdout)).toMatchObject(
      {
        resumed: [{ task: 'data-purge', policy: 'uploads' }],
        stillPaused: [],
      },
    );
    expect((await caretaker('pause', '--list')).stdout).toBe('Nothing is paused on this machine.\n');
  });

  it.each([
    [['pause', 'data-purge'], '--reason'],
    [['pause', 'data-purge', '--reason', ' '], '--reason'],
    [['pause', '--policy', 'uploads', '--reason', 'x'], '--policy needs the task'],
    [
      ['pause', 'data-purge', '--policy', 'uplaods', '--reason', 'x'],
      'no policy uplaods in the configuration, which has uploads, parts',
    ],
    [['pause', 'certificate-expiry', '--reason', 'x'], 'changes nothing'],
    [['pause', 'nope', '--reason', 'x'], 'no such task'],
    [['pause', '--list', '--reason', 'x'], '--list'],
    [['resume', '--policy', 'uploads'], '--policy needs the task'],
    [['resume', 'data-purge', '--policy', 'uplaods'], 'no policy uplaods'],
  ])('are called wrongly with %j', async (args, message) => {
    const { code, stdout, stderr } = await caretaker(...args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
    expect(await pausedBy(control, 'data-purge', 'uploads')).toBeUndefined();
  });

  it('leave what others can read and change where the folder of the state is shared, and nobody else elsewhere', async () => {
    const mode = async (...path: string[]) => (await stat(join(state, 'caretaker', 'nycmg', 'control', ...path))).mode;
    await caretaker('pause', 'data-purge', '--reason', 'mine');
    expect((await mode('pause', 'data-purge.json')) & 0o777).toBe(0o600);
    state = await mkdtemp(join(directory, 'shared-'));
    await chmod(state, 0o2770);
    await caretaker('pause', 'data-purge', '--reason', 'ours');
    expect((await mode()) & 0o7777).toBe(0o2770);
    expect((await mode('pause', 'data-purge.json')) & 0o777).toBe(0o660);
  });

  it('reach a stage from anywhere, without its configuration', async () => {
    await using stage = await startStage({ 'caretaker-prod-data-archival': {} });
    const on = (...args: string[]) => caretakerIn(directory, [...args, '--stage', 'prod'], stage.environment);
    const paused = await on('pause', 'data-purge', '--reason', 'now');
    expect([paused.code, paused.stderr]).toEqual([0, '']);
    expect(paused.stdout.replaceAll(/\s+/g, ' ')).toContain('caretaker resume data-purge --stage prod');
    expect(await pausedBy(stage.control, 'data-purge', 'any')).toMatchObject({ by: stage.arn, reason: 'now' });
    const narrow = await on('pause', 'data-purge', '--policy', 'uploads', '--reason', 'now');
    expect([narrow.code, narrow.stderr]).toEqual([
      2,
      expect.stringContaining('give --config <file>; without --policy'),
    ]);
    const known = await on('pause', 'data-purge', '--policy', 'uploads', '--reason', 'now', '--config', 'estate.json');
    expect([known.code, known.stderr]).toEqual([0, '']);
    const list = await on('pause', '--list');
    expect(list.stdout).toContain('all of data-purge, since');
    expect(list.stderr).toContain('only pauses of whole tasks');
    expect((await on('resume', 'data-purge')).stdout).toContain('Resumed: all of data-purge on the stage prod.');
    expect(await pausedBy(stage.control, 'data-purge', 'any')).toBeUndefined();
  });
});
