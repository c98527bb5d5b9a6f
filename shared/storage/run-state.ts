import pMap from 'p-map';
import * as z from 'zod';
import { parseOrThrow } from '../config-error.ts';
import { invocationSchema } from '../invocation.ts';
import type { FinishedWork, WorkItem } from '../run-task.ts';
import { readJson, type StateStore, writeJson } from './state-store.ts';

/** Documents read at a time. */
const readConcurrency = 16;

const planSchema = z.strictObject({
  startedAt: z.iso.datetime(),
  /** How the run was started: what its later steps are not told again. */
  invocation: invocationSchema,
  items: z.array(z.looseObject({ id: z.string() })),
});

const partSchema = z.strictObject({
  progress: z.strictObject({ isDone: z.boolean(), state: z.unknown() }).optional(),
  /** Why the last step came to nothing, if it did. */
  failure: z.string().optional(),
});

/** What a run in steps is to do, and since when. */
export type RunPlan = z.output<typeof planSchema>;

/** What the steps of one run, each in an invocation of its own, tell each other through a store: its plan and how far each part is. */
export class RunState {
  readonly #store: StateStore;
  readonly #folder: string;

  constructor(store: StateStore, runId: string) {
    this.#store = store;
    this.#folder = `runs/${runId}`;
  }

  /** Returns the plan, `undefined` before there is one. */
  async readPlan(): Promise<RunPlan | undefined> {
    const name = this.#planName;
    const document = await readJson(this.#store, name);
    return document === undefined ? undefined : parseOrThrow(planSchema, document, name);
  }

  async writePlan(plan: RunPlan): Promise<void> {
    await writeJson(this.#store, this.#planName, plan);
  }

  /** Returns how far a part is, and why its last step failed, if it did. */
  async readPart(item: WorkItem): Promise<Omit<FinishedWork, 'item'>> {
    const name = this.#partName(item);
    const document = await readJson(this.#store, name);
    return document === undefined
      ? { progress: undefined }
      : { progress: undefined, ...parseOrThrow(partSchema, document, name) };
  }

  async writePart(item: WorkItem, part: Omit<FinishedWork, 'item'>): Promise<void> {
    await writeJson(this.#store, this.#partName(item), part);
  }

  /** Returns what became of every part of the plan. */
  async readWork(plan: RunPlan): Promise<FinishedWork[]> {
    return pMap(plan.items, async (item) => ({ item, ...(await this.readPart(item)) }), {
      concurrency: readConcurrency,
    });
  }

  get #planName(): string {
    return `${this.#folder}/plan`;
  }

  #partName({ id }: WorkItem): string {
    return `${this.#folder}/progress/${id}`;
  }
}
