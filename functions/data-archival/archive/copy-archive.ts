import sql, { join, type Sql } from 'sql-template-tag';
import { copyFileName, fileKey, newAttempt } from '../../../shared/archive/archive-names.ts';
import type { ArchiveStore } from '../../../shared/archive/archive-store.ts';
import { emptyDigest } from '../../../shared/archive/digest.ts';
import { tableDdl } from '../../../shared/archive/table-ddl.ts';
import { type WrittenFile, writeCopyFile } from '../../../shared/archive/write-file.ts';
import type { LeadingNumbers } from '../../../shared/postgres/copy-out.ts';
import type { CopySession } from '../../../shared/postgres/copy-session.ts';
import { formatTableName, qualified } from '../../../shared/postgres/sql.ts';
import { resolveTarget } from '../../../shared/retention/resolve-target.ts';
import type { RowPolicy } from '../../../shared/retention/row-policy.ts';
import type { Position, RowsDigest, RowTarget, Segment, TargetTable } from '../../../shared/retention/row-target.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { OnStep } from './archive-steps.ts';
import { childCopy, type FirstRows, lastStatement, rootCopy, widthStatement } from './segment-statements.ts';
import { ChildTally, type CountedSegment, RootTally } from './segment-tally.ts';

/** A table as it was copied. */
export interface CopiedTable {
  readonly ddl: readonly string[];
  /** Name behind the archive's folder. */
  readonly fileName: string;
  readonly file: WrittenFile;
}

/** Rows as they were copied into S3, with what the database says of them. They have not been read back. */
export interface CopiedRows {
  readonly sequence: number;
  readonly attempt: string;
  readonly range: { readonly after: Position | undefined; readonly upTo: Position };
  readonly segments: readonly Segment[];
  /** The root, and then each child. */
  readonly tables: readonly CopiedTable[];
  /** Of the root. */
  readonly rows: number;
  readonly encoding: string;
  readonly serverVersion: string;
}

export interface CopierOptions {
  readonly policy: RowPolicy & { readonly bytesPerArchive: number };
  readonly target: RowTarget;
  readonly store: ArchiveStore;
  readonly open: () => Promise<CopySession>;
  /** Rows that are proven and deleted together, at most. */
  readonly segmentRows: number;
  readonly onStep: OnStep;
}

/** Which rows are copied, and as what. */
export interface CopyRequest {
  readonly sequence: number;
  readonly after: Position | undefined;
  readonly maximumRows: number;
}

/** Rows to be copied. */
interface ChosenRows extends FirstRows {
  readonly segmentRows: number;
}

/** The root's rows as they were copied, and what the database says of them. */
interface CopiedRoot {
  readonly table: CopiedTable;
  readonly rows: number;
  readonly range: CopiedRows['range'];
  readonly segments: readonly CountedSegment[];
}

/** A child's rows, likewise: of each of the root's segments. */
interface CopiedChild {
  readonly table: CopiedTable;
  readonly digests: readonly RowsDigest[];
}

/** Where files go. */
interface Place {
  readonly sequence: number;
  readonly attempt: string;
}

/** Rows whose text is measured to know how many make a file. */
const measuredRows = 50;

/** Segments of wide rows have fewer of them. */
const segmentBytes = 32 * 1024 * 1024;

/** A file is not to have to be made anew because its rows are a little wider than the first ones. */
const widthMargin = 1.2;

/** Times that rows are chosen anew because they are wider than was thought. */
const attempts = 8;

/**
 * Copies rows into S3 as the server's own text, and has the database hash each of them as it sends it. Its connection is kept from copy to
 * copy, and its memory is bounded.
 */
export class Copier implements AsyncDisposable {
  readonly #options: CopierOptions;
  #session: CopySession | undefined;

  constructor(options: CopierOptions) {
    this.#options = options;
  }

  /**
   * Copies the first rows behind a position; undefined when there are none.
   *
   * @throws UncheckedError `table-changed` when a table is not as it was planned; the server's errors and the SDK's.
   */
  async copy(request: CopyRequest): Promise<CopiedRows | undefined> {
    let { maximumRows } = request;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const copied = await this.#copy({ ...request, maximumRows }, attempt === attempts);
        if (typeof copied !== 'number') return copied;
        maximumRows = copied;
      } catch (error) {
        await this.#close();
        throw error;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  async #close(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.[Symbol.asyncDispose]();
  }

  /** Returns how many rows would fit where these are too many for a file. */
  async #copy(request: CopyRequest, isLast: boolean): Promise<CopiedRows | number | undefined> {
    const { open, policy, onStep, target } = this.#options;
    this.#session ??= await open();
    const session = this.#session;
    await session.begin();
    await this.#holdTables(session);
    const chosen = await this.#choose(session, request);
    if (chosen === undefined) {
      await session.commit();
      return undefined;
    }
    await onStep('rows-chosen');
    const { sequence } = request;
    const place = { sequence, attempt: newAttempt() };
    const root = await this.#copyRoot(session, chosen, place);
    const children: CopiedChild[] = [];
    for (const index of target.children.keys()) {
      children.push(await this.#copyChild(session, index, { ...chosen, range: root.range }, place));
    }
    await session.commit();
    const tables = [root, ...children].map(({ table }) => table);
    const { rows, range } = root;
    const bytes = Math.max(...tables.map(({ file }) => file.uncompressedBytes));
    if (bytes > policy.bytesPerArchive && rows > 1 && !isLast) {
      await this.#remove(tables, sequence);
      return Math.max(1, Math.floor((rows * policy.bytesPerArchive) / (bytes * widthMargin)));
    }
    await onStep('rows-copied');
    const segments = root.segments.map(({ upTo, digest }, at) => {
      return { upTo, digests: [digest, ...children.map(({ digests }) => digests[at] ?? emptyDigest)] };
    });
    return {
      ...place,
      range,
      segments,
      tables,
      rows,
      encoding: session.encoding,
      serverVersion: session.serverVersion,
    };
  }

  /** Keeps the tables from being changed, and makes sure that they were not since they were planned. */
  async #holdTables(session: CopySession): Promise<void> {
    const { target, policy } = this.#options;
    const tables = [target.root, ...target.children];
    await session.query(sql`lock table ${join(tables.map(qualified), ', ')} in access share mode`);
    const now = await resolveTarget(policy, session, { task: target.task, cutoff: target.cutoff });
    for (const [index, table] of [now.root, ...now.children].entries()) {
      if (table.shapeHash === tables[index]?.shapeHash) continue;
      throw new UncheckedError('table-changed', `${formatTableName(table)} was changed since its rows were planned.`);
    }
  }

  /** Returns which rows there are to copy, and in which segments; undefined when there are none. */
  async #choose(session: CopySession, { after, maximumRows }: CopyRequest): Promise<ChosenRows | undefined> {
    const { target, policy } = this.#options;
    const [width] = await session.query<{ bytes: number | null }>(
      widthStatement(target, { after, rows: measuredRows }),
    );
    if (width?.bytes == null) return undefined;
    const rowBytes = Math.max(1, width.bytes) * widthMargin;
    const rows = Math.max(1, Math.min(maximumRows, Math.floor(policy.bytesPerArchive / rowBytes)));
    const segmentRows = Math.min(this.#options.segmentRows, Math.max(1, Math.floor(segmentBytes / rowBytes)));
    return { after, rows, segmentRows };
  }

  async #copyRoot(session: CopySession, chosen: ChosenRows, place: Place): Promise<CopiedRoot> {
    const { target } = this.#options;
    const tally = new RootTally(target, chosen, session.encoding);
    // Of a range's two bounds the planner thinks as if each kept others out, and sorts on disk what it takes for few rows.
    await session.query(sql`set local enable_sort = off`);
    const table = await this.#copyTable(session, target.root, { query: rootCopy(target, chosen), tally }, place);
    await session.query(sql`set local enable_sort to default`);
    // There are fewer rows than were asked for: the last of them is the last that there is.
    if (tally.openRows > 0) {
      const [end] = await session.query<{ up_to: string[] }>(lastStatement(target, chosen.after));
      if (end === undefined) throw new RangeError('there are rows, and no last one');
      tally.close(end.up_to);
    }
    const { segments } = tally;
    const upTo = segments.at(-1)?.upTo;
    if (upTo === undefined) throw new RangeError('there were rows, and none has come');
    const rows = segments.reduce((sum, { digest }) => sum + digest.rows, 0);
    return { table, rows, range: { after: chosen.after, upTo }, segments };
  }

  async #copyChild(
    session: CopySession,
    index: number,
    { range, segmentRows }: ChosenRows & Pick<CopiedRows, 'range'>,
    place: Place,
  ): Promise<CopiedChild> {
    const { target } = this.#options;
    const tally = new ChildTally();
    const query = childCopy(target, index, range, segmentRows);
    const table = await this.#copyTable(session, target.children[index] as TargetTable, { query, tally }, place);
    return { table, digests: tally.digests() };
  }

  async #copyTable(
    session: CopySession,
    table: TargetTable,
    { query, tally }: { readonly query: Sql; readonly tally: LeadingNumbers },
    { sequence, attempt }: Place,
  ): Promise<CopiedTable> {
    const { store, policy } = this.#options;
    const fileName = copyFileName(attempt, table);
    const text = await session.copyOut(query, tally);
    // Asked for when the last row has come, and so while the last bytes are on their way to S3.
    const [ddl, file] = await this.#both(
      tableDdl(session, table.oid),
      writeCopyFile(text, store, fileKey(policy.id, sequence, fileName)),
    );
    return { ddl, fileName, file };
  }

  /**
   * When one of them fails the other one is of no use, and ends with the connection. A file that fails has ended that already: why it
   * failed is what is told, and not that.
   */
  async #both<A, B>(said: Promise<A>, written: Promise<B>): Promise<[A, B]> {
    try {
      return await Promise.all([said, written]);
    } catch (error) {
      await this.#close();
      const [, file] = await Promise.allSettled([said, written]);
      throw file.status === 'rejected' ? file.reason : error;
    }
  }

  async #remove(tables: readonly CopiedTable[], sequence: number): Promise<void> {
    const { store, policy } = this.#options;
    await store.remove(tables.map(({ fileName }) => fileKey(policy.id, sequence, fileName)));
  }
}
