import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configurationSchema } from '../config/schema.ts';
import * as registry from '../functions/index.ts';
import { alarmKinds, metricAlarmHeading } from '../infra/alarms.ts';
import { parseScheduleExpression } from '../shared/schedule/schedule-expression.ts';
import type { TaskDefinition } from '../shared/task.ts';

const root = join(import.meta.dirname, '..');
const tasks: readonly TaskDefinition[] = Object.values(registry);
const read = (path: string) => readFileSync(join(root, path), 'utf8');

/** The text of each heading of this level, without its marks. */
function headings(markdown: string, level: number): string[] {
  const mark = '#'.repeat(level);
  return markdown
    .split('\n')
    .filter((line) => line.startsWith(`${mark} `))
    .map((line) => line.slice(level + 1));
}

/** Paths of what runs in a function: no tests, and none of what only they use. */
function sourceFiles(): string[] {
  return ['functions', 'shared'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !/(\.test|-fixtures|-arbitrary|\/fake-[^/]+)\.ts$/.test(path))
      .map((path) => join(folder, path)),
  );
}

/** How code says why something could not be looked at; the reason is the kebab-case text. */
const reasonPatterns: readonly RegExp[] = [
  /new UncheckedError\(\s*'([a-z-]+)'/g,
  /\breason: '([a-z-]+)'/g,
  /Reason = '([a-z-]+)'/g,
  /coverage\.(?:unchecked|fail)\([^;]*?'([a-z-]+)',/g,
  // By PostgreSQL's SQLSTATE.
  /^\s+'?[0-9A-Z]{2,5}'?: '([a-z-]+)',$/gm,
  // Of a probe, which settles with it.
  /(?<![.\w])fail\('([a-z-]+)'/g,
];

function reasonsIn(source: string): string[] {
  return reasonPatterns.flatMap((pattern) => [...source.matchAll(pattern)].map(([, reason = '']) => reason));
}

describe('the registry', () => {
  it('lists every folder of functions, and nothing else', () => {
    const folders = readdirSync(join(root, 'functions'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
    expect(tasks.map(({ id }) => id).sort()).toEqual(folders.sort());
  });

  it.each(tasks.map((task) => [task.id, task] as const))('holds a whole task: %s', (id, task) => {
    for (const file of ['task.ts', 'collect.ts', 'evaluate.ts', 'steps.ts', 'handler.ts']) {
      expect(existsSync(join(root, 'functions', id, file)), `${id}/${file}`).toBe(true);
    }
    expect(() => parseScheduleExpression(task.schedule)).not.toThrow();
    // Lambda's own limits: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    expect(task.timeoutSeconds).toBeLessThanOrEqual(900);
    expect(task.memoryMiB).toBeGreaterThanOrEqual(128);
    expect(task.permissions.flatMap(({ actions }) => actions).filter((action) => action.includes('*'))).toEqual([]);
  });

  it('runs every task with its defaults when the configuration names none', () => {
    const { tasks: configured } = configurationSchema.parse({ estate: { name: 'empty' } });
    expect(Object.keys(configured).sort()).toEqual(tasks.map(({ id }) => id).sort());
  });
});

describe('the documentation', () => {
  const runbook = read('docs/runbook.md');

  it('has a row of the README’s table for every task, with its schedule', () => {
    const rows = read('README.md')
      .split('\n')
      .filter((line) => /^\| \[`/.test(line));
    for (const { id, schedule } of tasks) {
      const row = rows.find((line) => line.includes(`\`${id}\``));
      expect(row, id).toContain(`\`${schedule}\``);
    }
    expect(rows).toHaveLength(tasks.length);
  });

  it('has a heading of the runbook for every rule and every alarm, and no other', () => {
    const expected = [
      ...Object.values(alarmKinds).map(({ heading }) => heading),
      ...new Set(tasks.flatMap(({ alarms = [] }) => alarms.map(metricAlarmHeading))),
      ...new Set(tasks.flatMap(({ rules }) => rules)),
    ];
    expect(headings(runbook, 3).sort()).toEqual(expected.sort());
  });

  it('says in the runbook what each reason for being unchecked means, and of no other', () => {
    const given = new Set(sourceFiles().flatMap((path) => reasonsIn(read(path))));
    const table = runbook.split('\n## ').find((section) => section.startsWith('Reasons for `unchecked`')) ?? '';
    const cells = table.split('\n').flatMap((line) => /^\| (`[^|]+)\|/.exec(line)?.[1] ?? []);
    const explained = cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code));
    expect(explained.toSorted()).toEqual([...given].sort());
  });

  it('describes every key of every task’s configuration', () => {
    const documentation = read('docs/configuration.md');
    const { tasks: configured } = configurationSchema.parse({ estate: { name: 'empty' } });
    for (const { id } of tasks) {
      expect(headings(documentation, 3)).toContain(id);
      for (const key of Object.keys(configured[id]?.config ?? {})) expect(documentation).toContain(`\`${key}\``);
    }
  });
});
