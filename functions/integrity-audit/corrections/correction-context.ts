import type { WorkContext } from '../../../shared/run-task.ts';
import type { AuditConfig } from '../config.ts';

/** What a correction may use. */
export interface CorrectionContext
  extends Pick<
    WorkContext<AuditConfig>,
    'config' | 'estate' | 'databases' | 'homeRegion' | 'clients' | 'store' | 'ledgers' | 'signal'
  > {
  readonly clock: () => Date;
  /** Who asks for it. */
  readonly actor: string;
}
