import type { Readable } from 'node:stream';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { uncheckedReason } from '../../../shared/aws/unchecked-reason.ts';
import type { ArtifactsConfig } from '../config.ts';
import { outOfTime } from '../containers/byte-reader.ts';
import { refuseReused } from '../verification/large-reads.ts';
import type { ReadingS3Client } from '../verification/reading-client.ts';
import { companionKeys, expectedSha256 } from './companions.ts';
import type { CompanionState } from './facts.ts';

/** What an artifact's companion says of it. */
export interface Expectation {
  readonly state: Exclude<CompanionState, 'agrees' | 'differs'> | 'known';
  /** Hexadecimal; given when the state is `known`. */
  readonly sha256: string | undefined;
  /** Why it could not be looked at. */
  readonly unchecked: { readonly reason: string; readonly detail: string } | undefined;
}

/** Nothing is to stand beside the artifact. */
const noExpectation: Expectation = { state: 'not-expected', sha256: undefined, unchecked: undefined };

/** A manifest of ten thousand files is smaller. */
const mostBytes = 4 * 1024 * 1024;

/** Companions that are held: artifacts of one folder are read one soon after the other. */
const mostHeld = 4;

/** Reads companions, and each of them once while it is in use: one may stand beside many artifacts. */
export class CompanionReader {
  readonly #client: ReadingS3Client;
  readonly #config: Pick<ArtifactsConfig, 'bucket' | 'companion'>;
  readonly #signal: AbortSignal;
  readonly #texts = new Map<string, Promise<string | undefined>>();

  constructor(client: ReadingS3Client, config: Pick<ArtifactsConfig, 'bucket' | 'companion'>, signal: AbortSignal) {
    this.#client = client;
    this.#config = config;
    this.#signal = signal;
  }

  /** Returns what the companion of an artifact says. @throws whatever is no reason to leave one artifact unchecked. */
  async expectationOf(key: string): Promise<Expectation> {
    const { companion } = this.#config;
    if (companion === 'none') return noExpectation;
    let isThere = false;
    try {
      for (const companionKey of companionKeys(companion, key)) {
        const text = await this.#textOf(companionKey);
        if (text === undefined) continue;
        isThere = true;
        const sha256 = expectedSha256(text, companionKey, key);
        if (sha256 !== undefined) return { state: 'known', sha256, unchecked: undefined };
      }
    } catch (error) {
      const reason = this.#signal.aborted ? outOfTime() : uncheckedReason(error);
      if (reason === undefined) throw error;
      const detail = `What stands beside it could not be read. ${reason.detail}`;
      return { state: 'unchecked', sha256: undefined, unchecked: { reason: reason.reason, detail } };
    }
    return { state: isThere ? 'unreadable' : 'missing', sha256: undefined, unchecked: undefined };
  }

  #textOf(key: string): Promise<string | undefined> {
    const known = this.#texts.get(key);
    if (known !== undefined) return known;
    const text = this.#read(key);
    this.#texts.set(key, text);
    const [oldest] = this.#texts.keys();
    if (this.#texts.size > mostHeld && oldest !== undefined) this.#texts.delete(oldest);
    return text;
  }

  /** Returns `undefined` when there is no such object, and what says nothing for one that is too large. */
  async #read(key: string): Promise<string | undefined> {
    let body: Readable;
    try {
      const command = new GetObjectCommand({ Bucket: this.#config.bucket, Key: key });
      const answer = await this.#client.send(command, { abortSignal: this.#signal });
      body = answer.Body as Readable;
    } catch (error) {
      if (error instanceof Error && error.name === 'NoSuchKey') return undefined;
      throw error;
    }
    const chunks: Uint8Array[] = [];
    let length = 0;
    try {
      for await (const chunk of body as AsyncIterable<Uint8Array>) {
        length += chunk.length;
        if (length > mostBytes) return '';
        refuseReused(chunk);
        chunks.push(chunk);
      }
    } catch (error) {
      if (error instanceof TypeError) throw error;
      throw Object.assign(new Error('The connection broke', { cause: error }), { code: 'ECONNRESET' });
    }
    return Buffer.concat(chunks).toString('utf8');
  }
}
