/** A place in S3, as the configuration names it. */
export interface Location {
  readonly bucket: string;
  /** Of the keys meant; empty for the whole bucket. */
  readonly prefix: string;
  /** The first region of the estate unless given. */
  readonly region?: string | undefined;
  /** One of the estate's accounts; the caller's own unless given. */
  readonly account?: string | undefined;
}
