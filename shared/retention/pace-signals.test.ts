import { CloudWatchClient, GetMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { mockClient } from 'aws-sdk-client-mock';
import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type PostgresServer, startPostgres } from '../../sandbox/postgres/start-postgres.ts';
import { AwsClients } from '../aws/clients.ts';
import { startHotStandby } from '../postgres/hot-standby-fixtures.ts';
import { PaceSignals } from './pace-signals.ts';
import { burstBalance } from './pace-signals-burst.ts';
import { type Pace, paceSchema } from './retention-config.ts';

let server: PostgresServer;
let admin: Client;
beforeAll(async () => {
  server = await startPostgres({ settings: { max_prepared_transactions: 2 } });
  admin = new Client({ connectionString: server.url });
  await admin.connect();
  await admin.query(`create table notes (id int primary key, text text); insert into notes values (1, 'a');
    create role plain login password 'p'`);
});
afterAll(async () => {
  await admin.end();
  await server.stop();
});

const off = {
  maximumReplicaLagSeconds: null,
  maximumWalMibPerSecond: null,
  maximumTransactionSeconds: null,
  maximumLockWaiters: null,
};

function signalsFor(
  pace: Partial<Pace>,
  { url = server.url, now, burst }: { url?: string; now?: () => number; burst?: ReturnType<typeof burstBalance> } = {},
): Promise<PaceSignals> {
  const options = {
    config: { connectionString: url },
    lockTimeoutSeconds: 1,
    timeZone: 'UTC',
    signal: new AbortController().signal,
  };
  return PaceSignals.open(options, { ...paceSchema.parse({}), ...off, ...pace }, burst, now);
}

async function connected<Result>(work: (other: Client) => Promise<Result>): Promise<Result> {
  const other = new Client({ connectionString: server.url });
  await other.connect();
  try {
    return await work(other);
  } finally {
    await other.end();
  }
}

describe('what says that a server is to be spared', () => {
  it('is nothing on one that has nothing to do', async () => {
    await using signals = await signalsFor(paceSchema.parse({}));
    expect(await signals.read()).toEqual({ exceeded: [], blindSpots: [] });
  });

  it('is a transaction that has been open for long, and keeps rows from being cleaned up', async () => {
    await using signals = await signalsFor({ maximumTransactionSeconds: 0 });
    expect((await signals.read()).exceeded).toEqual([]);
    await connected(async (other) => {
      // One that is open and sees nothing old is none.
      await other.query('begin');
      await other.query('select 1');
      expect((await signals.read()).exceeded).toEqual([]);
      await other.query('rollback; begin isolation level repeatable read; select 1');
      expect((await signals.read()).exceeded).toEqual([
        expect.stringMatching(/^A transaction has been open for \d+ s, where 0 s are allowed\.$/),
      ]);
      await other.query('rollback');
      expect((await signals.read()).exceeded).toEqual([]);
      await other.query("begin; update notes set text = 'b'; prepare transaction 'left'");
      expect((await signals.read()).exceeded).toHaveLength(1);
      await other.query("rollback prepared 'left'");
    });
    await using patient = await signalsFor({ maximumTransactionSeconds: 60 });
    await connected(async (other) => {
      await other.query('begin isolation level repeatable read; select 1');
      expect((await patient.read()).exceeded).toEqual([]);
    });
  });

  it('is not the transaction that another one of ours has open', async () => {
    await using signals = await signalsFor({ maximumTransactionSeconds: 0 });
    await connected(async (other) => {
      await other.query("set application_name = 'caretaker'; begin isolation level repeatable read; select 1");
      expect((await signals.read()).exceeded).toEqual([]);
    });
  });

  it('is sessions that wait for locks', async () => {
    await using signals = await signalsFor({ maximumLockWaiters: 0 });
    expect((await signals.read()).exceeded).toEqual([]);
    await connected(async (holder) => {
      await holder.query('begin; update notes set text = text');
      await connected(async (waiter) => {
        const waiting = waiter.query('update notes set text = text');
        while ((await signals.read()).exceeded.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
        expect((await signals.read()).exceeded).toEqual(['1 sessions wait for locks, where 0 are allowed.']);
        await holder.query('rollback');
        await waiting;
      });
    });
    expect((await signals.read()).exceeded).toEqual([]);
  });

  it('is a log that grows too fast, on average since it did not', async () => {
    let atMs = 0;
    await using signals = await signalsFor({ maximumWalMibPerSecond: 1 }, { now: () => atMs });
    expect((await signals.read()).exceeded).toEqual([]);
    await admin.query("insert into notes select n, repeat('x', 1000) from generate_series(2, 4000) n");
    atMs = 1_000;
    expect((await signals.read()).exceeded).toEqual([
      expect.stringMatching(/^\d+ MiB a second are written to the log, where 1 MiB are allowed\.$/),
    ]);
    // Less than 20 MiB: in 20 seconds less than one in each.
    atMs = 20_000;
    expect((await signals.read()).exceeded).toEqual([]);
    atMs = 21_000;
    expect((await signals.read()).exceeded).toEqual([]);
  });

  it('is a replica that is behind', async () => {
    await using stack = new AsyncDisposableStack();
    // A standby has to have as many of everything as its primary may.
    const primary = stack.adopt(await startPostgres(), (started) => started.stop());
    const writer = stack.adopt(new Client({ connectionString: primary.url }), (client) => client.end());
    await writer.connect();
    await writer.query('create table notes (id int)');
    const standby = stack.use(await startHotStandby(primary));
    const replica = stack.adopt(new Client({ connectionString: standby.url }), (client) => client.end());
    await replica.connect();
    await using signals = await signalsFor({ maximumReplicaLagSeconds: 0.2 }, { url: primary.url });
    await replica.query('select pg_wal_replay_pause()');
    let behind: readonly string[] = [];
    while (behind.length === 0) {
      await writer.query('insert into notes values (1)');
      await new Promise((resolve) => setTimeout(resolve, 50));
      behind = (await signals.read()).exceeded;
    }
    expect(behind).toEqual([expect.stringMatching(/^A replica is [\d.]+ s behind, where 0.2 s are allowed\.$/)]);
    // It stays behind, also when nothing more is written.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect((await signals.read()).exceeded).toHaveLength(1);
    await replica.query('select pg_wal_replay_resume()');
    while ((await signals.read()).exceeded.length > 0) await new Promise((resolve) => setTimeout(resolve, 50));
  });

  it('is not known where the role is not shown it, which is said and not taken for good', async () => {
    const url = Object.assign(new URL(server.url), { username: 'plain', password: 'p' }).href;
    await using signals = await signalsFor({ maximumTransactionSeconds: 900 }, { url });
    await connected(async (other) => {
      await other.query('begin isolation level repeatable read; select 1');
      expect(await signals.read()).toEqual({
        exceeded: [],
        blindSpots: ['How old transactions are is not shown to the role, which is no member of pg_monitor.'],
      });
    });
  });

  it('is a server that does not say how it is', async () => {
    const own = await startPostgres();
    await using signals = await signalsFor({ maximumLockWaiters: 5 }, { url: own.url });
    expect((await signals.read()).exceeded).toEqual([]);
    await own.stop();
    expect((await signals.read()).exceeded).toEqual([expect.stringMatching(/^Who waits for locks cannot be told: /)]);
  });
});

describe('the burst balance of an instance', () => {
  const cloudWatch = mockClient(CloudWatchClient);
  beforeEach(() => cloudWatch.reset());

  function answering(values: Readonly<Record<string, readonly number[]>>): void {
    cloudWatch.on(GetMetricDataCommand).callsFake(({ MetricDataQueries, ScanBy }) => {
      expect(ScanBy).toBe('TimestampDescending');
      return {
        MetricDataResults: MetricDataQueries.map(
          ({ Id, MetricStat }: { Id: string; MetricStat: { Metric: { MetricName: string }; Stat: string } }) => {
            const name = MetricStat.Metric.MetricName;
            return { Id, Values: values[MetricStat.Stat === 'Maximum' ? `${name} maximum` : name] ?? [] };
          },
        ),
      };
    });
  }

  function balanceOf(instance: string) {
    return burstBalance(instance, {
      clients: new AwsClients(),
      estate: { name: 'nycmg', timeZone: 'UTC', regions: ['us-east-1'], accounts: [] },
      homeRegion: 'us-east-1',
      signal: new AbortController().signal,
    });
  }

  it('is the lowest of those that there are, as it was last', async () => {
    answering({ CPUUtilization: [10], BurstBalance: [15, 99], 'EBSByteBalance%': [80], CPUCreditBalance: [576] });
    const burst = balanceOf('main-db');
    expect(await burst.lowest()).toEqual({ metric: 'CPUCreditBalance', percent: 0 });
    answering({
      CPUUtilization: [10],
      BurstBalance: [15, 99],
      CPUCreditBalance: [288],
      'CPUCreditBalance maximum': [500, 576],
    });
    expect(await balanceOf('main-db').lowest()).toEqual({ metric: 'BurstBalance', percent: 15 });
    // Asked once a minute.
    expect(await burst.lowest()).toEqual({ metric: 'CPUCreditBalance', percent: 0 });
    await using signals = await signalsFor({ minimumBurstBalancePercent: 20 }, { burst: balanceOf('main-db') });
    expect((await signals.read()).exceeded).toEqual([
      'BurstBalance of the instance is at 15 %, where 20 % are to be left.',
    ]);
  });

  it('is no reason to wait where it is high enough, or there is none', async () => {
    answering({ CPUUtilization: [10], BurstBalance: [20] });
    await using enough = await signalsFor({ minimumBurstBalancePercent: 20 }, { burst: balanceOf('main-db') });
    expect(await enough.read()).toEqual({ exceeded: [], blindSpots: [] });
    answering({ CPUUtilization: [10] });
    await using none = await signalsFor({}, { burst: balanceOf('main-db') });
    expect(await none.read()).toEqual({ exceeded: [], blindSpots: [] });
  });

  it('is not known of an instance that CloudWatch does not know, or when it does not answer', async () => {
    answering({});
    await using unknown = await signalsFor({}, { burst: balanceOf('other') });
    expect(await unknown.read()).toEqual({
      exceeded: [],
      blindSpots: ['The burst balance cannot be told: CloudWatch has no metrics of an instance other.'],
    });
    cloudWatch.on(GetMetricDataCommand).rejects(Object.assign(new Error('no'), { name: 'AccessDenied' }));
    await using denied = await signalsFor({}, { burst: balanceOf('main-db') });
    expect(await denied.read()).toEqual({
      exceeded: [],
      blindSpots: ['The burst balance cannot be told: CloudWatch: AccessDenied: no'],
    });
  });

  it('is asked for in the region of the ARN', async () => {
    answering({ CPUUtilization: [10], BurstBalance: [50] });
    await balanceOf('arn:aws:rds:eu-west-1:123456789012:db:main-db').lowest();
    const call = cloudWatch.call(0);
    expect(await (call.thisValue as CloudWatchClient).config.region()).toBe('eu-west-1');
    expect(JSON.stringify(call.args[0].input)).toContain('"Value":"main-db"');
  });
});
