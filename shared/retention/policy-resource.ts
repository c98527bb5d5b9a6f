import type { Resource } from '../resource.ts';

/** Returns a policy as a resource that findings and coverage name. */
export function policyResource(task: string, policy: string): Resource {
  return { type: 'retention-policy', id: `${task}/${policy}`, name: policy };
}
