import { DeleteObjectCommand, DeleteObjectsCommand, type S3Client } from '@aws-sdk/client-s3';
import pMap from 'p-map';

/** What is to be deleted. */
export interface Deletion {
  readonly key: string;
  /** This version for good; without one, the object, which stays behind a delete marker where there are versions. */
  readonly versionId?: string | undefined;
  /** Only if the current object has it, without its quotes. */
  readonly etag?: string | undefined;
}

/** Why something was not deleted: S3's code and words, or `NoAnswer` for what the answer does not speak of. */
export interface DeletionError {
  readonly code: string;
  readonly message: string;
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html */
const maximumDeletions = 1000;

const singleConcurrency = 8;

/** Characters that a document of XML 1.0 cannot have, and a key can: https://www.w3.org/TR/xml/#charsets */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const notXml = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;

/**
 * Deletes up to 1,000 objects or versions by one request, those whose keys XML cannot have one by one, and returns for each, in their
 * order, why it was not deleted; undefined for what was, or was not there. Retention in governance mode is never bypassed.
 *
 * @throws the SDK's errors: what became of the request is not known then.
 */
export async function deleteObjects(
  client: S3Client,
  bucket: string,
  deletions: readonly Deletion[],
): Promise<(DeletionError | undefined)[]> {
  if (deletions.length > maximumDeletions)
    throw new RangeError(`${deletions.length} deletions are too many for a request`);
  const many = deletions.filter(({ key }) => !notXml.test(key));
  const single = deletions.filter(({ key }) => notXml.test(key));
  const answers = new Map<string, DeletionError | undefined>();
  if (many.length > 0) {
    const Objects = many.map(({ key, versionId, etag }) => ({
      Key: key,
      VersionId: versionId,
      ETag: etag === undefined ? undefined : `"${etag}"`,
    }));
    const { Deleted = [], Errors = [] } = await client.send(
      new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: false } }),
    );
    for (const { Key = '', VersionId } of Deleted) answers.set(idOf(Key, VersionId), undefined);
    for (const { Key = '', VersionId, Code = 'NoCode', Message = '' } of Errors) {
      answers.set(idOf(Key, VersionId), { code: Code, message: Message });
    }
  }
  await pMap(
    single,
    async ({ key, versionId, etag }) => {
      answers.set(idOf(key, versionId), await deleteOne(client, bucket, { key, versionId, etag }));
    },
    { concurrency: singleConcurrency },
  );
  return deletions.map(({ key, versionId }) => {
    const id = idOf(key, versionId);
    return answers.has(id) ? answers.get(id) : { code: 'NoAnswer', message: 'The answer does not speak of it.' };
  });
}

async function deleteOne(
  client: S3Client,
  bucket: string,
  { key, versionId, etag }: Deletion,
): Promise<DeletionError | undefined> {
  try {
    await client.send(
      new DeleteObjectCommand({
        Bucket: bucket,
        Key: key,
        VersionId: versionId,
        IfMatch: etag === undefined ? undefined : `"${etag}"`,
      }),
    );
    return undefined;
  } catch (error) {
    // Errors of S3 are about this object; any other is about the way there.
    if (!(error instanceof Error) || !('$fault' in error)) throw error;
    return { code: error.name, message: error.message };
  }
}

/** S3 leaves out the version where none was named, and says an empty one in some answers. */
function idOf(key: string, versionId: string | undefined): string {
  return `${versionId ?? ''}/${key}`;
}
