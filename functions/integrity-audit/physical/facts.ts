/** What was seen of a database's files and housekeeping. */
export interface PhysicalFacts {
  /** As the configuration calls it. */
  readonly database: string;
}
