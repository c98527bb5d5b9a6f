import type { S3Client } from '@aws-sdk/client-s3';
import pMap from 'p-map';
import { type UncheckedReason, uncheckedReason } from '../../../shared/aws/unchecked-reason.ts';
import { headObject, type ObjectHead } from '../../../shared/objects/head-object.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';

/** Where a rule's objects are. */
export interface ObjectPlace {
  readonly client: S3Client;
  readonly bucket: string;
  /** In front of every key. */
  readonly prefix: string;
}

/** What an object says of itself; `refused` when it, or whether it is there, could not be told. */
export type Answer = ObjectHead | 'absent' | 'refused';

const concurrency = 16;

/** Bytes of a key: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html */
const maximumKeyBytes = 1_024;

/** Asks for objects one by one. */
export class ObjectAsker {
  readonly #place: ObjectPlace;
  readonly #signal: AbortSignal;
  #refusal: UncheckedReason | undefined;

  constructor(place: ObjectPlace, signal: AbortSignal) {
    this.#place = place;
    this.#signal = signal;
  }

  /** Why an object could not be asked for, the first time. */
  get refusal(): UncheckedReason | undefined {
    return this.#refusal;
  }

  /**
   * Returns an answer for each key, keys being without the prefix. @throws what is no reason to leave something
   * unchecked.
   */
  async ask(keys: readonly string[], options: { readonly checksum: boolean }): Promise<Answer[]> {
    return pMap(keys, (key) => this.#ask(key, options), { concurrency });
  }

  async #ask(key: string, { checksum }: { readonly checksum: boolean }): Promise<Answer> {
    const { client, bucket, prefix } = this.#place;
    const whole = prefix + key;
    // No object can have such a key, and S3 would not say that, but refuse the request.
    if (whole === '' || Buffer.byteLength(whole) > maximumKeyBytes) return 'absent';
    try {
      const head = await headObject(client, { bucket, key: whole }, { signal: this.#signal, checksum });
      return head ?? 'absent';
    } catch (error) {
      const reason = error instanceof UncheckedError ? error : uncheckedReason(error);
      if (this.#signal.aborted || reason === undefined) throw error;
      this.#refusal ??= { reason: reason.reason, detail: reason.detail };
      return 'refused';
    }
  }
}
