declare module 'dynalite' {
  import type { Server } from 'node:http';

  /** Returns a DynamoDB server that is not listening yet; without `path` it keeps its tables in memory. */
  function dynalite(options?: { path?: string; createTableMs?: number; deleteTableMs?: number }): Server;

  export = dynalite;
}
