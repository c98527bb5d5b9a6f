import { evaluateRules } from '../../../shared/evaluate-rules.ts';
import type { AuditEvaluation, Config } from '../context.ts';
import { databaseSettings } from '../database-settings.ts';
import { databaseRules, serverRules } from './database-rules.ts';
import type { PhysicalFacts } from './facts.ts';
import { collationRules, corruptHeapRules, corruptIndexRules, invalidIndexRules } from './file-rules.ts';
import { constraintRules, preparedTransactionRules, roleRules } from './housekeeping-rules.ts';
import { physicalResource } from './physical-resource.ts';
import { sequenceRules } from './sequence-rules.ts';
import { slotRules } from './slot-rules.ts';

/** Returns the broken rules on databases themselves. */
export function evaluatePhysical(facts: readonly PhysicalFacts[], config: Config, now: Date): AuditEvaluation {
  const parts = facts.flatMap((each): AuditEvaluation[] => {
    const context = { settings: databaseSettings(config, each.database).physical, now };
    const { server } = each;
    const servers =
      server === undefined
        ? []
        : [{ ...server, resource: physicalResource(each.database, 'database', server.database) }];
    return [
      evaluateRules(servers, serverRules, context),
      evaluateRules(
        each.databases.filter(({ name }) =>
          tells(each, name, facts, ({ databases }) => databases.some((seen) => seen.name === name)),
        ),
        databaseRules,
        context,
      ),
      evaluateRules(each.corruptIndexes, corruptIndexRules, context),
      evaluateRules(each.corruptHeaps, corruptHeapRules, context),
      evaluateRules(each.invalidIndexes, invalidIndexRules, context),
      evaluateRules(each.collations, collationRules, context),
      evaluateRules(each.unprovenConstraints, constraintRules, context),
      evaluateRules(each.sequences, sequenceRules, context),
      evaluateRules(
        each.preparedTransactions.filter(({ database, gid }) =>
          tells(each, database, facts, ({ preparedTransactions }) =>
            preparedTransactions.some((seen) => seen.gid === gid),
          ),
        ),
        preparedTransactionRules,
        context,
      ),
      evaluateRules(
        each.slots.filter(({ name, database }) =>
          tells(
            each,
            database,
            facts,
            ({ server: other, slots }) =>
              // A replica has slots of its own, perhaps of the same names.
              other?.startedAtMs === server?.startedAtMs && slots.some((seen) => seen.name === name),
          ),
        ),
        slotRules,
        context,
      ),
      evaluateRules(each.role === undefined ? [] : [each.role], roleRules, context),
    ];
  });
  return {
    findings: parts.flatMap((part) => part.findings),
    unchecked: parts.flatMap((part) => part.unchecked),
  };
}

/**
 * What belongs to a whole cluster is seen from each of its databases, and told once: of the database that it is about, or of the first
 * from which it is seen where that is none of them.
 */
function tells(
  facts: PhysicalFacts,
  about: string | undefined,
  all: readonly PhysicalFacts[],
  sees: (facts: PhysicalFacts) => boolean,
): boolean {
  const { server } = facts;
  if (server === undefined || server.clusterId === undefined || server.database === about) return true;
  const seeing = all.filter((each) => each.server?.clusterId === server.clusterId && sees(each));
  return seeing[0] === facts && seeing.every((each) => each.server?.database !== about);
}
