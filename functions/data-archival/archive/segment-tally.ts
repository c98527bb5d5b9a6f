import { CopyTextReader } from '../../../shared/archive/copy-text.ts';
import { emptyDigest } from '../../../shared/archive/digest.ts';
import { HashSum } from '../../../shared/archive/hash-sum.ts';
import { columnText } from '../../../shared/archive/row-columns.ts';
import { textDecoder } from '../../../shared/archive/text-encoding.ts';
import type { LeadingNumbers } from '../../../shared/postgres/copy-out.ts';
import type { Position, RowsDigest, RowTarget } from '../../../shared/retention/row-target.ts';

/** A segment of the root's rows, as the database has it. */
export interface CountedSegment {
  readonly upTo: Position;
  readonly digest: RowsDigest;
}

/** Counts the root's rows as they are copied, and sums what the database says that their hashes are, in segments of so many rows. */
export class RootTally implements LeadingNumbers {
  readonly count = 1;
  readonly segments: CountedSegment[] = [];
  readonly #open = new HashSum();
  readonly #segmentRows: number;
  #left: number;
  readonly #position: CopyTextReader;

  /** @param chosen `rows` are the most that come. */
  constructor(
    target: RowTarget,
    { rows, segmentRows }: { readonly rows: number; readonly segmentRows: number },
    encoding: string,
  ) {
    this.#segmentRows = segmentRows;
    this.#left = rows;
    const { columns } = target.root;
    const decode = textDecoder(encoding);
    const indexes = [target.age, ...target.key].map((part) => columns.findIndex(({ name }) => name === part.name));
    this.#position = new CopyTextReader(columns.length, (row) => {
      this.close(indexes.map((index) => columnText(row, index, decode) ?? ''));
    });
  }

  /** Rows of a last segment whose end is not known: there were fewer than were asked for. */
  get openRows(): number {
    return this.#open.rows;
  }

  onRow(numbers: Int32Array): boolean {
    this.#open.add(numbers[0] as number, numbers[1] as number);
    this.#left -= 1;
    return this.#open.rows === this.#segmentRows || this.#left === 0;
  }

  /** The last row of a segment says where that ends. */
  onWanted(text: Uint8Array): void {
    this.#position.push(text);
  }

  /** Ends a segment. */
  close(upTo: Position): void {
    this.segments.push({ upTo, digest: this.#open.digest() });
    this.#open.reset();
  }
}

/** Counts the rows of a child likewise, each in the root's segment that it goes with. */
export class ChildTally implements LeadingNumbers {
  readonly count = 2;
  readonly #digests: RowsDigest[] = [];
  readonly #open = new HashSum();
  #segment = 0;

  onRow(numbers: Int32Array): boolean {
    const segment = numbers[1] as number;
    if (segment !== this.#segment) this.#close(segment);
    this.#open.add(numbers[2] as number, numbers[3] as number);
    return false;
  }

  onWanted(): void {}

  /** Returns those of the segments that rows have come for, by their index; others may be missing. */
  digests(): readonly RowsDigest[] {
    this.#close(this.#segment + 1);
    return this.#digests;
  }

  #close(next: number): void {
    while (this.#digests.length < this.#segment) this.#digests.push(emptyDigest);
    this.#digests.push(this.#open.digest());
    this.#open.reset();
    this.#segment = next;
  }
}
