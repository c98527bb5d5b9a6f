import type * as z from 'zod';
import type { Guards, rowSelection } from './retention-config.ts';

type Selection = { readonly [Name in keyof typeof rowSelection]: z.output<(typeof rowSelection)[Name]> };

/** What is common to all policies that take rows of a table, whatever becomes of the rows. */
export interface RowPolicy extends Omit<Selection, 'key' | 'where' | 'acceptedTriggers'> {
  readonly id: string;
  readonly mode: 'dry-run' | 'apply';
  readonly key?: Selection['key'];
  readonly where?: Selection['where'];
  readonly acceptedTriggers?: Selection['acceptedTriggers'];
  readonly guards: Guards;
}

/** What becomes of the rows of a plan: into an archive and then deleted, or only deleted. */
export type RowAction = 'archive' | 'purge';

/** Id of the task that takes rows in this way. */
export const taskOfAction: Readonly<Record<RowAction, string>> = { archive: 'data-archival', purge: 'data-purge' };
