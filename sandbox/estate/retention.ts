import type * as z from 'zod';
import type { configSchema as archivalSchema } from '../../functions/data-archival/config.ts';
import type { configSchema as purgeSchema } from '../../functions/data-purge/config.ts';
import type { ControlStore } from '../../shared/control/control-store.ts';
import { pause } from '../../shared/retention/pause.ts';
import { policyResource } from '../../shared/retention/policy-resource.ts';
import type { EstateDocument } from '../control-plane/estate-document.ts';
import type { PlantedFinding } from './planted-case.ts';
import {
  archivalPolicies,
  archiveBucket,
  type PlantedPolicy,
  purgePolicies,
  retentionInstance,
} from './retention-policies.ts';

/** What a run over the policies must report of each, and nothing else. */
export interface RetentionCase {
  readonly resourceId: string;
  readonly why: string;
  readonly findings: readonly PlantedFinding[];
  readonly unchecked?: string;
}

/** The sample's policies of what goes when, and what a run of each task that applies must find. */
export interface RetentionEstate {
  readonly archival: z.input<typeof archivalSchema>;
  readonly purge: z.input<typeof purgeSchema>;
  readonly archivalCases: readonly RetentionCase[];
  readonly purgeCases: readonly RetentionCase[];
  readonly document: EstateDocument;
  /** Writes what people have told a task before the run. */
  seedControl(taskId: string, control: ControlStore): Promise<void>;
}

/** Returns them for the database that is configured as `main`. */
export function retentionEstate(account: string, now: Date): RetentionEstate {
  const dimensions = { DBInstanceIdentifier: retentionInstance };
  return {
    archival: {
      destination: { bucket: archiveBucket },
      policies: archivalPolicies.map(({ policy }) => policy),
    },
    purge: { policies: purgePolicies.map(({ policy }) => policy) },
    archivalCases: archivalPolicies.map((planted) => caseOf('data-archival', planted)),
    purgeCases: purgePolicies.map((planted) => caseOf('data-purge', planted)),
    document: {
      homeAccount: account,
      accounts: {
        [account]: {
          regions: {
            'us-east-1': {
              cloudWatch: {
                metrics: ['BurstBalance', 'CPUCreditBalance', 'CPUUtilization', 'EBSIOBalance%', 'EBSByteBalance%'].map(
                  (name) => ({
                    namespace: 'AWS/RDS',
                    name,
                    dimensions,
                    value: 95,
                  }),
                ),
              },
            },
          },
        },
      },
    },
    async seedControl(taskId, control) {
      if (taskId !== 'data-archival') return;
      const said = { by: 'ada', at: now.toISOString(), reason: 'the lawyers want to look at it' };
      await pause(control, { task: taskId, policy: 'chat-messages' }, said);
    },
  };
}

function caseOf(
  task: string,
  { policy, why, findings, unchecked }: PlantedPolicy<{ readonly id: string }>,
): RetentionCase {
  return {
    resourceId: policyResource(task, policy.id).id,
    why,
    findings,
    ...(unchecked === undefined ? {} : { unchecked }),
  };
}
