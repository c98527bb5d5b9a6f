/**
 * The steps of archiving a policy, in the order in which they come. Whoever watches is told each name when it is done, and before anything
 * further is: a process that ends there, however it ends, leaves each row in the table or in exactly one verified archive.
 */
export const archiveSteps = [
  /** Nobody else works on the policy. */
  'locked',
  /** The end of the ledger is known. */
  'settled',
  /** What the policy takes is planned, and no guard says no. */
  'planned',
  /** Files that no manifest names are gone. */
  'leftovers-removed',
  /** An archive that was left unfinished has been proven again. */
  'proven-again',
  /** It is written down which rows of an archive stay in the table. */
  'exclusions-written',
  /** The rows of an archive are chosen, in a snapshot. */
  'rows-chosen',
  /** They are in S3, and the database has hashed them. */
  'rows-copied',
  /** They were read back, and are those that the database had. */
  'read-back',
  /** The manifest is in S3. */
  'manifest-written',
  /** And it is in the ledger. */
  'archive-recorded',
  /** The database has the rows as they were archived. */
  'rows-compared',
  /** A batch is deleted, the ledger has it, and it is not final. */
  'batch-intended',
  /** It is final. */
  'batch-final',
  /** Everything of an archive that is to be deleted has been. */
  'deleted',
  /** And it is written down beside the manifest. */
  'completed',
] as const;

export type ArchiveStep = (typeof archiveSteps)[number];

/** Is told of each step; what it throws ends the work there, and what it returns is waited for. */
export type OnStep = (step: ArchiveStep) => void | Promise<void>;
