/**
 * Where ledgers are kept: documents of one JSON line each that can be added and read, and neither changed nor taken away. In the cloud
 * it is a bucket under Object Lock, elsewhere a folder.
 */
export interface LedgerStore {
  /**
   * Writes a document only where there is none under this name, and returns whether it did: of two who try at once, one does. False also
   * where somebody is about to. The names in a folder are added in their order.
   */
  add(name: string, line: string): Promise<boolean>;
  /** Returns the document as it was added; undefined when there is none. */
  read(name: string): Promise<string | undefined>;
  /**
   * Names below `prefix`, in the order of their UTF-8 bytes, those behind `after` only. The name of a document that is known to have been
   * there may be among them: it is missed when it is read.
   */
  list(prefix: string, after?: string): AsyncIterable<string>;
  /**
   * What the store itself shows of documents that were replaced or deleted, one sentence each; nothing where it keeps no such record. Of
   * those behind `after` only.
   */
  tampering(prefix: string, after?: string): AsyncIterable<{ readonly name: string; readonly fault: string }>;
}
