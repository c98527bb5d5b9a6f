import { describe, expect, it } from 'vitest';
import { MemoryStateStore } from '../../../shared/storage/memory-state-store.ts';
import { readJson, type StateStore, writeJson } from '../../../shared/storage/state-store.ts';
import { maxHistoryDays } from '../config.ts';
import { contextFor } from '../context-fixtures.ts';
import { ruleResource } from '../outcome.ts';
import { measurementOf } from './anomaly-outcome.ts';
import type { HistoryPoint, MeasuringRule } from './history.ts';
import { day, distributionRule, pointsOf, volumeRule } from './measuring-rule-fixtures.ts';

const document = 'history/main/measured';

/** Measures at nine in the morning in New York of a day. */
async function measure(store: StateStore, rule: MeasuringRule, index: number, value: number, utcHour = 14) {
  const now = new Date(`${day(index)}T${String(utcHour).padStart(2, '0')}:00:00Z`);
  return measurementOf(rule, value, contextFor({ store, now }));
}

async function measureAll(store: StateStore, rule: MeasuringRule, values: readonly number[], firstDay = 0) {
  for (const [index, value] of values.entries()) await measure(store, rule, firstDay + index, value);
}

async function pointsIn(store: StateStore): Promise<HistoryPoint[]> {
  return ((await readJson(store, document)) as { points: HistoryPoint[] }).points;
}

const usual = [100, 101, 99, 100, 100];

describe('measurementOf', () => {
  it('returns what earlier days have measured, oldest first, and remembers the day', async () => {
    const store = new MemoryStateStore();
    expect(await measure(store, volumeRule(), 0, 100)).toMatchObject({
      point: { date: day(0), value: 100 },
      history: [],
    });
    const second = await measure(store, volumeRule(), 1, 101);
    expect(second).toMatchObject({ point: { date: day(1), value: 101 }, history: [{ date: day(0), value: 100 }] });
    expect(await pointsIn(store)).toEqual(pointsOf([100, 101]));
  });

  it('keeps of a day what was measured last, and judges each by the days before alone', async () => {
    const store = new MemoryStateStore();
    await measureAll(store, volumeRule(), usual);
    for (let times = 0; times < 3; times += 1) {
      const { point, history } = await measure(store, volumeRule(), 5, 7);
      expect(point).toEqual({ date: day(5), value: 7, isUnusual: true });
      expect(history).toEqual(pointsOf(usual));
    }
    await measure(store, volumeRule(), 5, 102);
    expect(await pointsIn(store)).toEqual(pointsOf([...usual, 102]));
  });

  it('takes the day from the clocks of the estate', async () => {
    const store = new MemoryStateStore();
    // Still the evening before in New York.
    expect((await measure(store, volumeRule(), 1, 100, 4)).point.date).toBe(day(0));
    expect((await measure(store, volumeRule(), 1, 100, 5)).point.date).toBe(day(1));
  });

  it('marks what is unusual, so that it is no part of the baseline', async () => {
    const store = new MemoryStateStore();
    await measureAll(store, volumeRule(), [...usual, 7, 7, 7, 7, 7, 7, 7]);
    expect((await pointsIn(store)).filter((point) => point.isUnusual === true)).toHaveLength(7);
  });

  it('judges all points anew when the rule has another baseline', async () => {
    const store = new MemoryStateStore();
    await measureAll(store, volumeRule(), [...usual, 7, 7, 7, 7, 7]);
    const { point, history } = await measure(store, volumeRule({ baselineSince: day(5) }), 10, 7);
    expect(point.isUnusual).toBeUndefined();
    expect(history.filter(({ isUnusual }) => isUnusual === true)).toEqual([]);
    // And back again.
    expect((await measure(store, volumeRule(), 11, 7)).history.filter(({ isUnusual }) => isUnusual)).toHaveLength(6);
  });

  it.each([
    ['table', volumeRule({ table: 'tracks' })],
    ['schema', volumeRule({ table: 'archive.listens' })],
    ['condition', volumeRule({ where: 'seconds_played > 0' })],
    ['column', volumeRule({ column: 'listened_at' })],
    ['kind', distributionRule('mean', { table: 'listens', column: 'seconds_played' })],
  ])('begins a new history when the rule has another %s', async (_, changed) => {
    const store = new MemoryStateStore();
    await measureAll(store, volumeRule(), usual);
    expect((await measure(store, changed, 5, 100)).history).toEqual([]);
    expect(await pointsIn(store)).toEqual([{ date: day(5), value: 100 }]);
  });

  it('goes on with the history when only its words have changed', async () => {
    const store = new MemoryStateStore();
    await measureAll(store, volumeRule(), usual);
    const reworded = volumeRule({ table: 'public.listens', severity: 'high', windowHours: 48, remedy: 'Ask.' });
    expect((await measure(store, reworded, 5, 100)).history).toHaveLength(5);
  });

  it('tells windows and statistics apart', async () => {
    const store = new MemoryStateStore();
    await measureAll(store, volumeRule({ column: 'listened_at' }), usual);
    const wider = volumeRule({ column: 'listened_at', windowHours: 48 });
    expect((await measure(store, wider, 5, 100)).history).toEqual([]);
    await measureAll(store, distributionRule('mean'), usual);
    expect((await measure(store, distributionRule('null-rate'), 5, 0.1)).history).toEqual([]);
  });

  it('keeps no more than some days', async () => {
    const store = new MemoryStateStore();
    await measure(store, volumeRule(), 0, 1);
    const full = (await readJson(store, document)) as object;
    await writeJson(store, document, { ...full, points: pointsOf(Array.from({ length: maxHistoryDays }, () => 5)) });
    await measure(store, volumeRule(), maxHistoryDays, 6);
    const points = await pointsIn(store);
    expect(points).toHaveLength(maxHistoryDays);
    expect([points[0]?.date, points.at(-1)]).toEqual([day(1), { date: day(maxHistoryDays), value: 6 }]);
  });

  it('takes a day that lies before others into its place', async () => {
    const store = new MemoryStateStore();
    await measureAll(store, volumeRule(), [1, 2], 4);
    expect((await measure(store, volumeRule(), 1, 3)).history).toEqual([]);
    expect((await pointsIn(store)).map(({ value }) => value)).toEqual([3, 1, 2]);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1.1e300])(
    'keeps nothing of %d',
    async (value) => {
      const store = new MemoryStateStore();
      await measureAll(store, volumeRule(), usual);
      await expect(measure(store, distributionRule('mean'), 5, value)).rejects.toMatchObject({
        reason: 'not-a-number',
      });
      expect(await pointsIn(store)).toEqual(pointsOf(usual));
    },
  );

  it.each([
    ['is no object', 5],
    ['is of another form', { schemaVersion: 2, points: [] }],
    ['has a point without a value', { schemaVersion: 1, subject: '', judgedBy: '', points: [{ date: day(0) }] }],
    ['has days twice', { schemaVersion: 1, subject: '', judgedBy: '', points: [...pointsOf([1]), ...pointsOf([1])] }],
    ['is null', null],
  ])('never takes a document for nothing that %s', async (_, damaged) => {
    const store = new MemoryStateStore();
    await writeJson(store, document, damaged);
    await expect(measure(store, volumeRule(), 5, 1)).rejects.toMatchObject({ reason: 'bad-history' });
    expect(await readJson(store, document)).toEqual(damaged);
  });

  it('never takes half of a document for nothing', async () => {
    const store = new MemoryStateStore();
    await store.write(
      document,
      (async function* () {
        yield Buffer.from('{"schemaVersion":1,');
      })(),
    );
    await expect(measure(store, volumeRule(), 5, 1)).rejects.toMatchObject({ reason: 'bad-history' });
  });

  it('says so when the store cannot be read, and writes nothing over what it has not seen', async () => {
    const kept = new MemoryStateStore();
    await measureAll(kept, volumeRule(), usual);
    const store: StateStore = {
      read: async () => {
        throw new Error('denied');
      },
      write: (name, content) => kept.write(name, content),
    };
    await expect(measure(store, volumeRule(), 5, 1)).rejects.toMatchObject({
      reason: 'history-unread',
      detail: expect.stringContaining('denied'),
    });
    expect(await pointsIn(kept)).toEqual(pointsOf(usual));
  });

  it('judges what it cannot remember, and says that it cannot', async () => {
    const kept = new MemoryStateStore();
    await measureAll(kept, volumeRule(), usual);
    const store: StateStore = {
      read: (name) => kept.read(name),
      write: async () => {
        throw new Error('full');
      },
    };
    const context = contextFor({ store, now: new Date(`${day(5)}T14:00:00Z`) });
    const rule = volumeRule();
    const { point } = (await context.coverage.look(ruleResource(rule), () => measurementOf(rule, 7, context))) ?? {};
    expect(point).toMatchObject({ isUnusual: true });
    expect(context.coverage.summary().unchecked).toMatchObject([{ reason: 'history-unwritten' }]);
    expect(context.coverage.summary().unchecked[0]?.detail).toContain('full');
  });

  it('survives that two runs write at once: the last one is whole', async () => {
    const store = new MemoryStateStore();
    await measureAll(store, volumeRule(), usual);
    await Promise.all([measure(store, volumeRule(), 5, 102), measure(store, volumeRule(), 5, 103)]);
    const points = await pointsIn(store);
    expect(points).toHaveLength(6);
    expect([102, 103]).toContain(points[5]?.value);
  });
});
