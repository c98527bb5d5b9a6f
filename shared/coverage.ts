import { glob } from './glob.ts';
import type { Coverage, Unchecked } from './report.ts';
import type { Resource } from './resource.ts';
import { UncheckedError } from './unchecked-error.ts';

type Outcome = 'expected' | 'checked' | { readonly reason: string; readonly detail: string };

/** The type of a resource that stands for a whole listing: one service in one account and region. */
export const scopeType = 'scope';

/**
 * Keeps account of what a run expected to look at and what became of each. What was expected and never settled ends as
 * unchecked, so that a forgotten branch, a deadline or a crash of one worker cannot read as clean.
 */
export class CoverageLedger {
  readonly #entries = new Map<string, { resource: Resource; outcome: Outcome }>();
  /** Whether a glob narrows the run. */
  readonly isNarrowed: boolean;
  readonly #selects: (resource: Resource) => boolean;
  #mayBeEmpty = false;
  #hasFailed = false;
  readonly #classify: (error: unknown) => { reason: string; detail: string } | undefined;

  /**
   * @param options.only glob over names and ids that narrows the run.
   * @param options.classify names the reason for errors that mean "this could not be looked at"; `undefined` for errors
   *   that are bugs, which {@link look} lets through.
   */
  constructor(options: {
    only?: string | undefined;
    classify: (error: unknown) => { reason: string; detail: string } | undefined;
  }) {
    const matches = options.only === undefined ? undefined : glob(options.only);
    this.isNarrowed = matches !== undefined;
    this.#selects = matches === undefined ? () => true : ({ id, name }) => matches(id) || matches(name);
    this.#classify = options.classify;
  }

  /** Returns whether the run's glob takes this resource in. Scopes are always looked at: they hold what it may match. */
  selects(resource: Resource): boolean {
    return resource.type === scopeType || this.#selects(resource);
  }

  /**
   * Says that the run is to look at a resource. One that the run's glob leaves out does not count, though it may be read all
   * the same: rules that compare resources need to see both.
   */
  expect(resource: Resource): void {
    if (!this.selects(resource)) return;
    const key = keyOf(resource);
    if (!this.#entries.has(key)) this.#entries.set(key, { resource, outcome: 'expected' });
  }

  /** Says that a resource was looked at. */
  checked(resource: Resource): void {
    if (!this.selects(resource)) return;
    this.#settle(resource, 'checked');
  }

  /**
   * Says that the run found so little of what it was told to find that its other results mean nothing: unchecked, and the run has
   * failed whatever else it saw.
   */
  fail(resource: Resource, reason: string, detail: string): void {
    this.#hasFailed = true;
    this.unchecked(resource, reason, detail);
  }

  /** Whether {@link fail} was said. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** Says that an estate without a single resource is as it should be; a run that finds none has failed otherwise. */
  allowEmpty(): void {
    this.#mayBeEmpty = true;
  }

  /** Whether {@link allowEmpty} was said. */
  get mayBeEmpty(): boolean {
    return this.#mayBeEmpty;
  }

  /**
   * Says that a resource could not be looked at. This counts whatever the run's glob is: it may be what a rule had to compare
   * a selected resource with.
   *
   * @param reason kebab-case code.
   * @param detail what happened, for people.
   */
  unchecked(resource: Resource, reason: string, detail: string): void {
    this.#settle(resource, { reason, detail });
  }

  /**
   * Returns what `read` returns, having settled `resource` by whether it could be read; `undefined` when it could not.
   *
   * @throws whatever `read` throws that is not a reason to leave one resource unchecked.
   */
  async look<T>(resource: Resource, read: () => Promise<T>): Promise<T | undefined> {
    this.expect(resource);
    try {
      const result = await read();
      this.checked(resource);
      return result;
    } catch (error) {
      const reason = error instanceof UncheckedError ? error : this.#classify(error);
      if (reason === undefined) throw error;
      this.unchecked(resource, reason.reason, reason.detail);
      return undefined;
    }
  }

  /** Returns the counts; whatever is still merely expected is listed as unchecked with the reason `not-reached`. */
  summary(): Coverage {
    const unchecked: Unchecked[] = [];
    const byType: Coverage['byType'] = {};
    let checked = 0;
    for (const { resource, outcome } of this.#entries.values()) {
      byType[resource.type] ??= { expected: 0, checked: 0 };
      const counts = byType[resource.type] as { expected: number; checked: number };
      counts.expected += 1;
      if (outcome === 'checked') {
        counts.checked += 1;
        checked += 1;
      } else if (outcome === 'expected') {
        unchecked.push({ resource, reason: 'not-reached', detail: 'The run ended before it came to this.' });
      } else {
        unchecked.push({ resource, ...outcome });
      }
    }
    return { expected: this.#entries.size, checked, unchecked, byType };
  }

  /** A resource once found unreadable stays so: a later success elsewhere must not hide it. */
  #settle(resource: Resource, outcome: Outcome): void {
    const key = keyOf(resource);
    const entry = this.#entries.get(key);
    if (entry === undefined) this.#entries.set(key, { resource, outcome });
    else if (typeof entry.outcome === 'string') entry.outcome = outcome;
  }
}

function keyOf(resource: Resource): string {
  return `${resource.type}\u0000${resource.id}`;
}
