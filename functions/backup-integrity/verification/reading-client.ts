import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import type { NodeHttpHandlerOptions } from '@smithy/types';
import { largeReadAgents } from './large-reads.ts';

/** A body that stands still for so long is given up: the SDK's own deadlines end with the answer's head. */
const idleTimeoutMs = 20_000;

const maxSockets = 50;

/**
 * An S3 client for reading many bytes: it asks for the checksums that S3 keeps without comparing them itself. The SDK would do so
 * in a stream of its own, at half the speed, and for a mismatch it has no error that could be told from others.
 */
export class ReadingS3Client extends S3Client {
  constructor(configuration: Omit<S3ClientConfig, 'requestHandler'> & { requestHandler?: NodeHttpHandlerOptions }) {
    super({
      ...configuration,
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: {
        ...configuration.requestHandler,
        socketTimeout: idleTimeoutMs,
        ...largeReadAgents({ keepAlive: true, maxSockets }),
      },
    });
    this.middlewareStack.add(
      (next, { commandName }) =>
        (args) => {
          const { request } = args as { request?: { headers: Record<string, string> } };
          if (commandName === getObject && request !== undefined) request.headers[checksumMode] = 'ENABLED';
          return next(args);
        },
      { step: 'build', name: 'caretakerAskForChecksums' },
    );
  }
}

const getObject = 'GetObjectCommand';

/** Set as `ChecksumMode`, it would also have the SDK compare. */
const checksumMode = 'x-amz-checksum-mode';
