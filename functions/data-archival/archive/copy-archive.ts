import sql, { join } from 'sql-template-tag';
import { copyFileName, fileKey, newAttempt } from '../../../shared/archive/archive-names.ts';
import type { ArchiveStore } from '../../../shared/archive/archive-store.ts';
import { emptyDigest, hashText } from '../../../shared/archive/digest.ts';
import { tableDdl } from '../../../shared/archive/table-ddl.ts';
import { type WrittenFile, writeCopyFile } from '../../../shared/archive/write-file.ts';
import type { CopySession } from '../../../shared/postgres/copy-session.ts';
import { formatTableName, qualified } from '../../../shared/postgres/sql.ts';
import { resolveTarget } from '../../../shared/retention/resolve-target.ts';
import type { RowPolicy } from '../../../shared/retention/row-policy.ts';
import type { Position, RowsDigest, RowTarget, Segment } from '../../../shared/retention/row-target.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { OnStep } from './archive-steps.ts';
import {
  childCopy,
  childSegments,
  type FirstRows,
  lastStatement,
  rootCopy,
  rootSegments,
  type SegmentRow,
  widthStatement,
} from './segment-statements.ts';

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

/** What the database says of the root's rows. */
interface HashedRoot {
  readonly rows: number;
  readonly range: CopiedRows['range'];
  readonly segments: readonly { readonly upTo: Position; readonly digest: RowsDigest }[];
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
 * Copies rows into S3 as the server's own text, and has the database count and hash them in the same snapshot, over a second connection at
 * the same time. Its connections are kept from copy to copy, and its memory is bounded.
 */
export class Copier implements AsyncDisposable {
  readonly #options: CopierOptions;
  #copying: CopySession | undefined;
  #hashing: CopySession | undefined;

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
    const sessions = [this.#copying, this.#hashing];
    this.#copying = undefined;
    this.#hashing = undefined;
    await Promise.all(sessions.map((session) => session?.[Symbol.asyncDispose]()));
  }

  /** Returns how many rows would fit where these are too many for a file. */
  async #copy(request: CopyRequest, isLast: boolean): Promise<CopiedRows | number | undefined> {
    const { open, policy, onStep } = this.#options;
    this.#copying ??= await open();
    this.#hashing ??= await open();
    const [copying, hashing] = [this.#copying, this.#hashing];
    await copying.begin();
    await this.#holdTables(copying);
    await hashing.begin({ snapshot: await copying.exportSnapshot() });
    const chosen = await this.#choose(copying, request);
    if (chosen === undefined) {
      await Promise.all([copying.commit(), hashing.commit()]);
      return undefined;
    }
    await onStep('rows-chosen');
    const attempt = newAttempt();
    const hashed = this.#hashRoot(hashing, chosen);
    const [segments, tables] = await this.#both(
      this.#hashChildren(hashing, hashed, chosen.segmentRows),
      this.#copyTables(copying, { ...chosen, hashed }, { sequence: request.sequence, attempt }),
    );
    const { range, rows } = await hashed;
    await Promise.all([copying.commit(), hashing.commit()]);
    const bytes = Math.max(...tables.map(({ file }) => file.uncompressedBytes));
    if (bytes > policy.bytesPerArchive && rows > 1 && !isLast) {
      await this.#remove(tables, request.sequence);
      return Math.max(1, Math.floor((rows * policy.bytesPerArchive) / (bytes * widthMargin)));
    }
    await onStep('rows-copied');
    return {
      sequence: request.sequence,
      attempt,
      range,
      segments,
      tables,
      rows,
      encoding: copying.encoding,
      serverVersion: copying.serverVersion,
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

  async #hashRoot(session: CopySession, { segmentRows, ...chosen }: ChosenRows): Promise<HashedRoot> {
    const { target } = this.#options;
    const found = await session.query<SegmentRow>(rootSegments(target, chosen, segmentRows));
    const rows = found.reduce((sum, row) => sum + Number(row.rows), 0);
    let last = found.at(-1)?.up_to ?? undefined;
    // There are fewer rows than were asked for: the last of them is the last that there is.
    if (last === undefined) {
      const [end] = await session.query<{ up_to: string[] }>(lastStatement(target, chosen.after));
      last = end?.up_to;
    }
    if (last === undefined) throw new RangeError('there are rows, and no last one');
    const upTo = last;
    return {
      rows,
      range: { after: chosen.after, upTo },
      segments: found.map((row) => ({ upTo: row.up_to ?? upTo, digest: digestOf(row) })),
    };
  }

  async #hashChildren(session: CopySession, root: Promise<HashedRoot>, segmentRows: number): Promise<Segment[]> {
    const { target, onStep } = this.#options;
    const { range, segments } = await root;
    const digests = segments.map(({ digest }) => [digest, ...target.children.map(() => emptyDigest)]);
    for (const index of target.children.keys()) {
      for (const row of await session.query<SegmentRow>(childSegments(target, index, range, segmentRows))) {
        (digests[row.segment] as RowsDigest[])[index + 1] = digestOf(row);
      }
    }
    await onStep('rows-hashed');
    return segments.map(({ upTo }, at) => ({ upTo, digests: digests[at] ?? [] }));
  }

  /** The root's rows are copied while they are hashed; which children go with them is known when that is done. */
  async #copyTables(
    session: CopySession,
    { hashed, ...chosen }: FirstRows & { readonly hashed: Promise<HashedRoot> },
    { sequence, attempt }: { readonly sequence: number; readonly attempt: string },
  ): Promise<CopiedTable[]> {
    const { target, store, policy } = this.#options;
    const copied: CopiedTable[] = [];
    for (const [at, table] of [target.root, ...target.children].entries()) {
      const fileName = copyFileName(attempt, table);
      const ddl = await tableDdl(session, table.oid);
      const query = at === 0 ? rootCopy(target, chosen) : childCopy(target, at - 1, (await hashed).range);
      const file = await writeCopyFile(await session.copyOut(query), store, fileKey(policy.id, sequence, fileName));
      copied.push({ ddl, fileName, file });
    }
    return copied;
  }

  /** When one of them fails the other one is of no use, and ends with its connection. */
  async #both<A, B>(a: Promise<A>, b: Promise<B>): Promise<[A, B]> {
    try {
      return await Promise.all([a, b]);
    } catch (error) {
      await this.#close();
      await Promise.allSettled([a, b]);
      throw error;
    }
  }

  async #remove(tables: readonly CopiedTable[], sequence: number): Promise<void> {
    const { store, policy } = this.#options;
    await store.remove(tables.map(({ fileName }) => fileKey(policy.id, sequence, fileName)));
  }
}

function digestOf({ rows, hash }: SegmentRow) {
  return { rows: Number(rows), hash: hashText(BigInt(hash)) };
}
