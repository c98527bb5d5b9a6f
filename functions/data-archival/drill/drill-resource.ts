import type { Resource } from '../../../shared/resource.ts';
import { task } from '../task.ts';

/** Returns the drills of a policy as a resource that findings and coverage name: found under the policy's name, too. */
export function drillResource(policy: string): Resource {
  return { type: 'restore-drill', id: `${task.id}/${policy}/drill`, name: policy };
}
