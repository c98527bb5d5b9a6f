/** What RDS says of the encryption of a database or a backup. */
interface StatedEncryption {
  /** `Encrypted` or `StorageEncrypted`: false, too, for a key that AWS owns. */
  readonly flag: boolean | undefined;
  /** `StorageEncryptionType`. */
  readonly type: string | undefined;
}

/**
 * Returns whether data is encrypted at rest, be it with a key that AWS owns and shows to nobody (`sse-rds`); undefined when RDS does
 * not tell. https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBSnapshot.html
 */
export function isEncryptedAtRest({ flag, type }: StatedEncryption): boolean | undefined {
  if (type === 'sse-rds' || type === 'sse-kms') return true;
  return flag ?? (type === 'none' ? false : undefined);
}

/**
 * Returns the ARN of the key that RDS names, which it may do by ARN, id or alias; a key that is not named by its ARN is one of the
 * account and region of what it encrypts.
 *
 * @param encryptedArn ARN of the database or backup.
 */
export function kmsKeyArn(kmsKeyId: string | undefined, encryptedArn: string): string | undefined {
  if (kmsKeyId === undefined || kmsKeyId === '') return undefined;
  if (kmsKeyId.startsWith('arn:')) return kmsKeyId;
  const [, partition, , region, account] = encryptedArn.split(':');
  const path = kmsKeyId.startsWith('alias/') ? kmsKeyId : `key/${kmsKeyId}`;
  return `arn:${partition}:kms:${region}:${account}:${path}`;
}
