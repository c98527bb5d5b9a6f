import { randomUUID } from 'node:crypto';
import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { renderHtml } from '../cli/render-html.ts';
import { renderReport } from '../cli/render-report.ts';
import { configurationSchema } from '../config/schema.ts';
import { steps } from '../functions/integrity-audit/steps.ts';
import { task } from '../functions/integrity-audit/task.ts';
import { type ControlPlane, startControlPlane } from '../sandbox/control-plane/control-plane.ts';
import type { Fault } from '../sandbox/control-plane/faults.ts';
import { mergeEstates } from '../sandbox/control-plane/merge-estates.ts';
import { deployToSandbox, type SandboxDeployment } from '../sandbox/deploy.ts';
import { sampleAccount } from '../sandbox/estate/aws-certificates.ts';
import { type IntegrityEstate, integrityEstate } from '../sandbox/estate/integrity.ts';
import {
  auditRoleName,
  type MainDatabase,
  secretsDocument,
  startMainDatabase,
  withClient,
} from '../sandbox/estate/integrity-databases.ts';
import { type Sandbox, startSandbox } from '../sandbox/sandbox.ts';
import { AwsClients } from '../shared/aws/clients.ts';
import type { Report } from '../shared/report.ts';
import { runTask } from '../shared/run-task.ts';
import { MemoryStateStore } from '../shared/storage/memory-state-store.ts';

const estate = { name: 'nycmg', timeZone: 'America/New_York', regions: ['us-east-1', 'us-west-2'], accounts: [] };

const findingLines = ({ findings }: Report) => findings.map(({ resource, rule }) => `${resource.id} ${rule}`).sort();
const uncheckedLines = ({ coverage }: Report) =>
  coverage.unchecked.map(({ resource, reason }) => `${resource.id} ${reason}`).sort();

describe('the rules of the sample over data that is right', () => {
  const now = new Date();
  let clean: IntegrityEstate;
  let main: MainDatabase;
  let plane: ControlPlane;
  let whole: Report;

  beforeAll(async () => {
    clean = integrityEstate(sampleAccount, now, estate.timeZone, { hasFaults: false });
    main = await startMainDatabase(now, clean.main);
    plane = await startControlPlane({
      estate: mergeEstates(clean.document, secretsDocument(sampleAccount, 'us-east-1', main.secrets)),
      pageSize: 1_000,
    });
    for (const [name, value] of Object.entries(plane.environment)) vi.stubEnv(name, value);
    whole = await run();
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await plane.stop();
    await main.server.stop();
  });

  /** What a run is given other than the sample's. */
  interface Changes {
    readonly database?: object;
    /** Beside the main one, by name. */
    readonly others?: Readonly<Record<string, object>>;
    readonly config?: object;
    /** Ids of the only rules to run. */
    readonly rules?: readonly string[];
  }

  async function run({ database = main.connection, others = {}, config = {}, rules }: Changes = {}): Promise<Report> {
    const clients = new AwsClients();
    const store = new MemoryStateStore();
    await clean.seedState(store);
    const chosen = clean.config.rules?.filter(({ id }) => rules?.includes(id) ?? true);
    const { databases: parsed, tasks } = configurationSchema.parse({
      estate,
      databases: { main: database, ...others },
      tasks: { 'integrity-audit': { ...clean.config, rules: chosen, ...config } },
    });
    try {
      return await runTask(task, steps, {
        estate,
        databases: parsed,
        config: tasks['integrity-audit']?.config ?? {},
        configSource: 'sandbox',
        invocation: {},
        clients,
        store,
        clock: () => new Date(),
        timeBudgetSeconds: 120,
      });
    } finally {
      clients.destroy();
    }
  }

  /** Returns the report of a run during which AWS goes wrong in this way. */
  async function runWith(fault: Fault, changes?: Changes): Promise<Report> {
    const lift = plane.inject(fault);
    try {
      return await run(changes);
    } finally {
      lift();
    }
  }

  /** Returns the report of a run between two statements of the superuser. */
  async function runBetween(before: string, after: string, changes?: Changes): Promise<Report> {
    return withClient(main.url, async (client) => {
      await client.query(before);
      try {
        return await run(changes);
      } finally {
        await client.query(after);
      }
    });
  }

  /** What is newly unchecked for a fault, as `id reason`. */
  function newlyUnchecked(report: Report): string[] {
    const before = new Set(uncheckedLines(whole));
    return uncheckedLines(report).filter((line) => !before.has(line));
  }

  /** Ids of the rules whose configuration names a table. */
  function rulesOver(table: string): string[] {
    return (clean.config.rules ?? [])
      .filter((rule) => JSON.stringify(rule).includes(`"table":${JSON.stringify(table)}`))
      .map(({ id }) => id);
  }

  /** A rule that holds. */
  const capacity = () => clean.config.rules?.find(({ id }) => id === 'venues-capacity');
  /** One that takes longer than anybody waits. */
  const sleeping = { id: 'sleeping', kind: 'sql', query: 'select 1 as id from pg_sleep(60)', key: ['id'] };
  const withoutPhysical = { databases: { main: { physical: { enabled: false } } } };
  const ruleId = (id: string) => `postgres://main/rules/${id}`;
  const cannotBeLookedAt = () =>
    clean.expectations.flatMap(({ resourceId, unchecked }) =>
      unchecked === undefined ? [] : [`${resourceId} ${unchecked}`],
    );

  it('find nothing, and leave nothing unchecked but what cannot be looked at', () => {
    expect(findingLines(whole)).toEqual([]);
    expect(uncheckedLines(whole)).toEqual(cannotBeLookedAt().sort());
    expect(whole.status).toBe('incomplete');
  });

  it('find nothing while somebody writes, however fast: all is seen as of one moment', async () => {
    let isDone = false;
    let commits = 0;
    // Each transaction leaves everything right, and nothing of it is right halfway.
    const writing = withClient(main.url, async (client) => {
      for (let number = 1; !isDone; number += 1) {
        const id = 1_000_000 + number;
        await client.query(`
          begin;
          update royalties.statements set total_cents = total_cents + ${number} where id = 1;
          insert into royalties.lines values (${id}, 1, 1, 'USD', 1, ${number});
          insert into royalties.statements values (${id}, 'Writer ${number}', '2020-01-01', '2020-02-01', 7, 'USD', 'paid');
          insert into royalties.lines values (${2 * id}, ${id}, 1, 'USD', 1, 7);
          insert into royalties.payouts values (${id}, ${id}, 7, now());
          insert into royalties.ledger values
            (${2 * id}, 'bank', ${id}, now(), -7), (${2 * id + 1}, 'royalties payable', ${id}, now(), 7);
          commit`);
        commits += 1;
      }
    });
    const seen: Report[] = [];
    try {
      for (let round = 0; round < 3; round += 1) {
        const before = commits;
        const rules = [...(clean.config.rules ?? []).filter(({ id }) => movedRules.includes(id)), ...betweenScans];
        seen.push(await run({ config: { rules, limits: { statementTimeoutSeconds: 20 } } }));
        expect(commits).toBeGreaterThan(before);
      }
    } finally {
      isDone = true;
      await writing;
    }
    for (const report of seen) {
      expect(findingLines(report)).toEqual([]);
      expect(uncheckedLines(report)).toEqual([]);
    }
  });
  const movedRules = [
    'statements-add-up',
    'paid-statements-have-one-payout',
    'ledger-balances',
    'ledger-entries-in-order',
    'royalty-lines-in-the-currency-of-their-statement',
    'statement-periods-follow-each-other',
  ];
  /** These compare what two scans of two tables have seen. */
  const betweenScans = [
    {
      id: 'every-payout-is-booked',
      kind: 'equalCount',
      left: { table: 'royalties.payouts' },
      right: { table: 'royalties.ledger', where: "account = 'bank'" },
    },
    {
      id: 'payouts-are-booked-in-full',
      kind: 'sum',
      left: { table: 'royalties.payouts', column: 'amount_cents' },
      right: { table: 'royalties.ledger', where: "account = 'royalties payable'", column: 'amount_cents' },
    },
  ];

  it('are all unchecked, and the run has failed, when the database is not there', async () => {
    const report = await run({ database: { url: 'postgresql://caretaker_audit@127.0.0.1:1/nycmg' } });
    const everyRule = clean.config.rules?.map(({ id }) => `${ruleId(id)} database-unread`) ?? [];
    expect(uncheckedLines(report)).toEqual(['database/main unreachable', ...everyRule].sort());
    expect(report.findings).toEqual([]);
    expect(report.status).toBe('failed');
  });

  it('are looked at when another database is not there, which is unchecked alone', async () => {
    const others = { platform: { url: 'postgresql://caretaker_audit@127.0.0.1:1/platform' } };
    const elsewhere = { ...capacity(), id: 'elsewhere', database: 'platform' };
    const config = { rules: [capacity(), elsewhere], databases: { ...withoutPhysical.databases, platform: {} } };
    const report = await run({ others, config });
    expect(uncheckedLines(report)).toEqual([
      'database/platform unreachable',
      'postgres://platform/rules/elsewhere database-unread',
    ]);
    expect(report.coverage.byType['integrity-rule']).toEqual({ expected: 2, checked: 1 });
    expect(report.status).toBe('incomplete');
  });

  it('are read from the replica where there is one, and from nowhere else', async () => {
    const database = { url: 'postgresql://caretaker_audit@127.0.0.1:1/nycmg', replica: main.connection };
    const report = await run({ database, rules: ['venues-capacity'] });
    expect(uncheckedLines(report)).toEqual([]);
    expect(report.coverage.byType['integrity-rule']).toEqual({ expected: 1, checked: 1 });
  });

  it('are unchecked when the server ends their sessions, and the run goes on to its end', async () => {
    const config = { rules: [sleeping, capacity()], limits: { statementTimeoutSeconds: 30 }, ...withoutPhysical };
    const running = run({ config });
    const ended = await withClient(main.url, async (client) => {
      const asleep = "select from pg_stat_activity where usename = $1 and query like '%pg_sleep%'";
      await vi.waitFor(async () => expect((await client.query(asleep, [auditRoleName])).rowCount).toBe(1), 20_000);
      const { rowCount } = await client.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where usename = $1',
        [auditRoleName],
      );
      return rowCount;
    });
    const report = await running;
    expect(ended).toBeGreaterThan(0);
    expect(uncheckedLines(report)).toContain(`${ruleId('sleeping')} unreachable`);
    expect(report.findings).toEqual([]);
    expect(['incomplete', 'failed']).toContain(report.status);
  });

  it('are given up when their moment is over, and what is not about rows is still looked at', async () => {
    const limits = { statementTimeoutSeconds: 30, snapshotSeconds: 2 };
    const audio = clean.config.rules?.find(({ kind }) => kind === 'objects');
    const report = await run({ config: { rules: [sleeping, audio], limits } });
    expect(uncheckedLines(report)).toEqual([`${ruleId('sleeping')} snapshot-expired`]);
    expect(report.coverage.byType['postgres-table']?.checked).toBeGreaterThan(10);
    expect(findingLines(report)).toEqual([]);
  });

  it.each([
    ['may not be read', 'access-denied', 'access-denied', {}],
    ['is not there', 'aws-error', undefined, { secretId: 'nycmg/main/gone' }],
  ] as const)('are all unchecked when the secret %s', async (_, reason, fault, changed) => {
    const database = { ...main.connection, ...changed };
    const report = await (fault === undefined
      ? run({ database })
      : runWith({ service: 'secretsmanager', operation: 'GetSecretValue', fault }, { database }));
    expect(uncheckedLines(report)).toContain(`database/main ${reason}`);
    expect(report.coverage.byType['integrity-rule']?.checked).toBe(0);
    expect(report.status).toBe('failed');
  });

  it('are all unchecked when the password in the secret is an old one, and it is told to nobody', async () => {
    const password = JSON.parse(main.secrets[main.connection.secretId] ?? '{}').password as string;
    const report = await runBetween(
      `alter role ${auditRoleName} password 'rotated'`,
      `alter role ${auditRoleName} password '${password}'`,
    );
    expect(uncheckedLines(report)).toContain('database/main bad-credentials');
    expect(report.status).toBe('failed');
    expect(JSON.stringify(report)).not.toContain(password);
  });

  it('over a table that may not be read are unchecked, and all others are looked at', async () => {
    const report = await runBetween(
      `revoke select on genres, social.playlist_tracks from ${auditRoleName}`,
      `grant select on genres, social.playlist_tracks to ${auditRoleName}`,
    );
    const denied = [...rulesOver('genres'), ...rulesOver('social.playlist_tracks')];
    expect(denied.length).toBeGreaterThan(3);
    expect(newlyUnchecked(report)).toEqual(denied.map((id) => `${ruleId(id)} access-denied`).sort());
    expect(findingLines(report)).toEqual([]);
  });

  it('over a table that somebody has locked do not wait for long, and are unchecked', async () => {
    const report = await runBetween('begin; lock table genres', 'rollback', {
      config: { limits: { lockTimeoutSeconds: 0.2 }, ...withoutPhysical },
      rules: ['genres-are-told-apart', 'venues-capacity'],
    });
    expect(uncheckedLines(report)).toEqual([`${ruleId('genres-are-told-apart')} lock-timeout`]);
  });

  it('that take too long are unchecked, and all others are looked at', async () => {
    const report = await run({ config: { rules: [sleeping, capacity()], limits: { statementTimeoutSeconds: 1 } } });
    expect(uncheckedLines(report)).toEqual([`${ruleId('sleeping')} timeout`]);
  });

  it.each([
    ['deletes', 'not-supported', 'with gone as (delete from listens returning id) select id from gone'],
    ['deletes where its parentheses would end', 'bad-sql', 'select 1 as id) as x; delete from listens; select (1'],
    ['deletes behind a comment', 'bad-sql', 'select 1 as id -- ) as x\n; delete from listens'],
    ['counts a sequence on', 'access-denied', "select nextval('uploads_id_seq') as id"],
    ['locks rows', 'write-refused', 'select id from listens for update'],
    ['ends the transaction', 'bad-sql', 'select 1 as id; commit; delete from listens'],
    ['copies to a program', 'bad-sql', "copy listens to program 'cat >/tmp/listens'"],
    ['writes a large object', 'write-refused', "select lo_from_bytea(0, 'x') as id"],
    ['lifts the ban first', 'write-refused', "select set_config('transaction_read_only', 'off', false) as id"],
    ['reads a file of the server', 'access-denied', "select pg_read_file('/etc/passwd') as id"],
    ['takes another role', 'access-denied', "select set_config('role', 'postgres', false) as id"],
  ])('cannot do harm: a query that %s is refused', async (_, reason, query) => {
    const before = await checksums(main.url);
    const hostile = { id: 'hostile', kind: 'sql', query, key: ['id'] };
    const report = await run({ config: { rules: [hostile, capacity()], ...withoutPhysical } });
    expect(await checksums(main.url)).toEqual(before);
    expect(uncheckedLines(report)).toEqual([`${ruleId('hostile')} ${reason}`]);
    expect(report.coverage.byType['integrity-rule']).toEqual({ expected: 2, checked: 1 });
  });

  it('cannot ask for more than can be shown: of ten million rows some are counted, and ten named', async () => {
    const query = 'select number as id from generate_series(1, 10000000) as number';
    const hostile = { id: 'hostile', kind: 'sql', query, key: ['id'] };
    const limits = { statementTimeoutSeconds: 30 };
    const report = await run({ config: { rules: [hostile, capacity()], ...withoutPhysical, limits } });
    expect(findingLines(report)).toEqual([`${ruleId('hostile')} sql`]);
    expect(report.findings[0]?.evidence.samples).toHaveLength(10);
    expect(JSON.stringify(report).length).toBeLessThan(10_000);
  });

  it('cannot end sessions but those of the audit', async () => {
    await withClient(main.url, async (client) => {
      const query = 'select pg_terminate_backend(pid) as id from pg_stat_activity where pid <> pg_backend_pid()';
      const hostile = { id: 'hostile', kind: 'sql', query, key: ['id'] };
      const report = await run({ config: { rules: [hostile], ...withoutPhysical } });
      expect(report.findings).toEqual([]);
      expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    });
  });

  it('say so when the role could do more than read', async () => {
    const report = await run({ database: { url: main.url }, rules: ['venues-capacity'] });
    expect(findingLines(report)).toEqual([expect.stringContaining(' audit-role-can-write')]);
  });

  it('are looked at when nobody may check the files of the database, which is unchecked alone', async () => {
    const functions = await withClient(main.url, async (client) => {
      const { rows } = await client.query<{ name: string }>(`
        select objid::regprocedure::text as name from pg_depend
        where refclassid = 'pg_extension'::regclass and classid = 'pg_proc'::regclass and deptype = 'e'
          and refobjid = (select oid from pg_extension where extname = 'amcheck')`);
      return rows.map(({ name }) => name).join(', ');
    });
    const report = await runBetween(
      `revoke execute on function ${functions} from ${auditRoleName}, public`,
      `grant execute on function ${functions} to ${auditRoleName}`,
      { rules: ['venues-capacity'] },
    );
    expect(newlyUnchecked(report).length).toBeGreaterThan(0);
    expect(newlyUnchecked(report).filter((line) => line.includes('/rules/'))).toEqual([]);
    expect(findingLines(report)).toEqual([]);
  });

  it('leave the rule on objects unchecked when their bucket may not be listed, and all others looked at', async () => {
    const report = await runWith({ service: 's3', operation: 'ListObjectsV2', fault: 'access-denied' });
    expect(newlyUnchecked(report)).toEqual([`${ruleId('tracks-have-their-audio')} access-denied`]);
    expect(findingLines(report)).toEqual([]);
  });
});

describe('the audit of the sample estate', () => {
  let sandbox: Sandbox;
  let deployment: SandboxDeployment;
  let report: Report;
  let logged = '';
  let before: unknown;
  let after: unknown;

  beforeAll(async () => {
    sandbox = await startSandbox();
    deployment = await deployToSandbox(sandbox);
    before = await checksums(sandbox.postgres.url);
    report = await invoke();
    after = await checksums(sandbox.postgres.url);
  });
  afterAll(async () => {
    await deployment.undo();
    await sandbox.stop();
  });

  /** Returns the report of an invocation that logs all it has to say, into `logged`. */
  async function invoke(event: object = {}): Promise<Report> {
    vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'DEBUG');
    const spies = [process.stdout, process.stderr].map((stream) =>
      vi.spyOn(stream, 'write').mockImplementation((chunk) => {
        logged += String(chunk);
        return true;
      }),
    );
    try {
      return await deployment.readReport(await deployment.invoke('integrity-audit', event));
    } finally {
      for (const spy of spies) spy.mockRestore();
      vi.unstubAllEnvs();
    }
  }

  it('plants at least thirty faults over all kinds of rules, and has rules that hold beside them', () => {
    const { rules = [] } = sandbox.configuration.tasks?.['integrity-audit'] ?? {};
    const expectations = sandbox.expectations['integrity-audit'];
    const kinds = new Set(task.rules);
    for (const { rule } of expectations.flatMap(({ findings }) => findings)) kinds.delete(rule as never);
    expect(expectations.flatMap(({ findings }) => findings).length).toBeGreaterThanOrEqual(30);
    expect(rules.length).toBeGreaterThanOrEqual(45);
    expect([...kinds]).toEqual([]);
  });

  it('finds as many violations of each rule as are planted, and of every rule that counts it is said how many', () => {
    const { expectations } = integrityEstate(sampleAccount, new Date(), estate.timeZone);
    const planted = expectations.flatMap(({ resourceId, findings }) =>
      findings.map(({ rule, violations = null }) => [`${resourceId} ${rule}`, violations] as const),
    );
    const found = report.findings
      .filter(({ resource }) => planted.some(([name]) => name.startsWith(`${resource.id} `)))
      .map(({ resource, rule, evidence }) => [`${resource.id} ${rule}`, evidence.violations ?? null] as const);
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(planted));
    expect(planted.filter(([, violations]) => violations !== null).length).toBeGreaterThanOrEqual(30);
  });

  it('has written nothing: every table is as it was, and there is none more', () => {
    expect(after).toEqual(before);
  });

  it('tells nobody anything personal, in the report, in mails, in text messages or in logs', async () => {
    const secrets = await personalValues(sandbox.postgres.url);
    expect(secrets.length).toBeGreaterThan(1_000);
    const told = {
      report: JSON.stringify(report),
      page: renderHtml([report]),
      terminal: renderReport(report, { columns: 400, tableColumns: 400, style: (_, text) => text }),
      deliveries: JSON.stringify(sandbox.aws.deliveries()),
      logged,
    };
    for (const [where, text] of Object.entries(told)) {
      expect(text.length, where).toBeGreaterThan(200);
      expect(
        secrets.filter((secret) => text.includes(secret)),
        where,
      ).toEqual([]);
    }
  });

  it('shows keys of violating rows, columns that are safe, and of personal ones that there is something', () => {
    const samplesOf = (id: string) => {
      const finding = report.findings.find(({ resource }) => resource.name === id);
      return String(JSON.stringify(finding?.evidence.samples ?? null));
    };
    expect(samplesOf('users-email')).toBe('["id=77"]');
    expect(samplesOf('newsletter-lists-known')).toBe('["email=***"]');
    expect(samplesOf('playlists-hold-tracks')).toContain('track_id=900001');
    expect(samplesOf('nobody-listens-before-they-sign-up')).toBe('["id=900001"]');
    expect(samplesOf('imports-name-a-holder')).toBe('null');
  });

  it('names who has to act, and the correction that is prepared', () => {
    const finding = report.findings.find(({ resource }) => resource.name === 'uploads-state-known');
    expect(finding?.evidence.owner).toBe('ingest');
    expect(finding?.remedy).toContain('caretaker correct uploads-state-known');
  });

  it('narrowed by a pattern finds of a rule what the whole run finds', async () => {
    const narrow = await invoke({ scope: { only: 'playlists-*' } });
    const there = report.findings.filter(({ resource }) => resource.name.startsWith('playlists-'));
    expect(there.length).toBeGreaterThan(2);
    expect(narrow.findings.map(({ id }) => id).sort()).toEqual(there.map(({ id }) => id).sort());
  });
});

/** Returns a checksum of the rows of every table of a database, and of its sequences. */
async function checksums(url: string): Promise<Record<string, string>> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ name: string }>(`
      select oid::regclass::text as name from pg_class
      where relkind in ('r', 'm', 'S') and relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema', 'pg_toast')
      order by 1`);
    const sums: Record<string, string> = { largeObjects: await sumOf(client, 'pg_largeobject_metadata') };
    for (const { name } of rows) sums[name] = await sumOf(client, name);
    return sums;
  });
}

async function sumOf(client: Client, table: string): Promise<string> {
  const statement = `select md5(coalesce(string_agg(row(r.*)::text, '|' order by row(r.*)::text), '')) as sum from ${table} as r`;
  const { rows } = await client.query<{ sum: string }>(statement);
  return rows[0]?.sum ?? randomUUID();
}

/** Returns everything in the sample that is about a person, and not that it exists. */
async function personalValues(url: string): Promise<string[]> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ value: string }>(`
      select email as value from users union select email from newsletter_subscriptions
      union select iban from payouts.bank_accounts union select body from social.private_messages
      union select display_name from users where display_name not in (select name from artists)`);
    return rows.map(({ value }) => value);
  });
}
