import type { Evaluation } from '../../shared/evaluate-rules.ts';
import type { TableFacts } from '../../shared/postgres/catalog.ts';
import type { Reader } from '../../shared/postgres/reader.ts';
import type { CollectContext } from '../../shared/run-task.ts';
import type { ConfigOf, RuleOf } from '../../shared/task.ts';
import type { DatabaseSettings } from './config.ts';
import type { task } from './task.ts';

/** What this task's halves are given and give back, with its own configuration and rules. */
export type Config = ConfigOf<typeof task>;
export type RuleId = RuleOf<typeof task>;
export type Context = CollectContext<Config>;
export type AuditEvaluation = Evaluation<RuleId>;

/** A database while it is audited. */
export interface LiveDatabase {
  /** As the configuration calls it. */
  readonly name: string;
  readonly settings: DatabaseSettings;
  /** Each statement sees the moment at which it begins: for what takes long, and must not keep the server from cleaning up. */
  readonly live: Reader;
}

/** The same, seen as of one moment. */
export interface AuditedDatabase extends LiveDatabase {
  /** Every statement sees the same moment. */
  readonly snapshot: Reader;
  /** The tables that rules name, as of that moment, by `schema.table`. */
  readonly tables: ReadonlyMap<string, TableFacts>;
}
