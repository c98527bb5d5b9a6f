import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startHotStandby } from '../../../shared/postgres/hot-standby-fixtures.ts';
import { type CorrectionServer, deskAt, startCorrectionServer, untitled } from './correction-fixtures.ts';

let at: CorrectionServer;
let standby: Awaited<ReturnType<typeof startHotStandby>>;

beforeAll(async () => {
  at = await startCorrectionServer();
  standby = await startHotStandby(at.server);
});
afterAll(async () => {
  await standby?.[Symbol.asyncDispose]();
  await at[Symbol.asyncDispose]();
});
beforeEach(() => at.reset());

const rule = {
  ...untitled,
  correction: { kind: 'sql', statement: "update tracks set title = 'x' where title is null" },
};

describe('a correction where there is a replica', () => {
  it('is planned at the primary, whatever the replica has', async () => {
    const writer = { url: at.writerUrl };
    const desk = deskAt(at, {
      databases: { main: { url: at.readerUrl, writer, replica: { url: 'postgres://nobody@127.0.0.1:1/none' } } },
    });
    expect(await desk.ask(rule, 'plan')).toMatchObject({ outcome: 'planned', violations: 3 });
  });

  it('is refused when that is where it would be written', async () => {
    const { port } = new URL(standby.url);
    const url = Object.assign(new URL(at.writerUrl), { port }).href;
    const desk = deskAt(at, { databases: { main: { url: at.readerUrl, writer: { url } } } });
    await desk.ask(rule, 'plan');
    expect(await desk.ask(rule, 'apply')).toMatchObject({ outcome: 'refused', code: 'writer-is-replica' });
  });

  it('is refused for a database that the configuration does not have', async () => {
    const desk = deskAt(at, { databases: {} });
    for (const kind of ['plan', 'apply'] as const)
      expect(await desk.ask(rule, kind)).toMatchObject({ outcome: 'refused', code: 'no-database' });
  });
});
