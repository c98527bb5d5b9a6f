/** What is known of the restore drills of a policy. Plain JSON. */
export interface DrillFacts {
  readonly policy: string;
  /**
   * `equal`: an archive was restored in this run, and every row is as it was. `failed`: it was not, as `fault` says.
   * `unchecked`: it could not be tried, as `unchecked` says. The others say why none was tried.
   */
  readonly state:
    | 'equal'
    | 'failed'
    | 'unchecked'
    | 'not-due'
    | 'paused'
    | 'nothing-to-drill'
    | 'dry-run'
    | 'switched-off';
  /** `s3://…/manifest.json` of the archive that was restored, or was to be; null where none was chosen. */
  readonly manifest: string | null;
  /** Of all its tables. */
  readonly rows: number;
  /** Between the first byte asked for and the last comparison. */
  readonly seconds: number;
  /** Null: not tried. */
  readonly isEqual: boolean | null;
  readonly fault: { readonly rule: DrillRule; readonly subject: string; readonly detail: string } | null;
  readonly unchecked: { readonly reason: string; readonly detail: string } | null;
  /** When a drill of the policy was good last, ISO 8601, UTC; null: never. */
  readonly lastGoodAt: string | null;
  /** None was good for twice as long as from one to the next, although there has been something to restore. */
  readonly isOverdue: boolean;
}

/** Rules of the task that a drill can find broken. */
export type DrillRule =
  | 'archive-corrupt'
  | 'manifest-tampered'
  | 'chain-broken'
  | 'ledger-broken'
  | 'restore-drill-failed';
