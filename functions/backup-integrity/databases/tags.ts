import type { Tag } from '@aws-sdk/client-rds';
import type { Tags } from '../items.ts';

/** Returns tags as RDS lists them, by key. */
export function tagsOf(list: readonly Tag[] | undefined): Tags {
  return Object.fromEntries((list ?? []).map(({ Key = '', Value = '' }) => [Key, Value]));
}
