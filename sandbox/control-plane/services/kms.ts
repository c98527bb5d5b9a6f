import { DescribeKey$, type DescribeKeyRequest, type DescribeKeyResponse, type KeyMetadata } from '@aws-sdk/client-kms';
import { jsonWire } from '../json-wire.ts';
import { Refusal } from '../refusal.ts';
import { operation, refuseOthers, type Service } from '../service.ts';

/** A key with its aliases. */
export interface KeyDocument {
  readonly metadata: KeyMetadata;
  /** `alias/rds` */
  readonly aliases?: readonly string[];
}

/** What KMS holds in one region. */
export interface KmsDocument {
  readonly keys: readonly KeyDocument[];
}

/** AWS Key Management Service. */
export const kms: Service = {
  name: 'kms',
  serviceId: 'KMS',
  wire: jsonWire,
  errorCodes: { internalError: { code: 'KMSInternalException', status: 500 } },
  operations: [
    operation(DescribeKey$, (input: DescribeKeyRequest, call): DescribeKeyResponse => {
      const { KeyId: id = '', ...others } = input;
      refuseOthers(others);
      // An ARN also names keys of another account, and only those of the region that is asked.
      const [, , , region = call.region, account = call.caller.account, resource] = id.split(':');
      const name = resource === undefined ? id : resource.replace(/^key\//, '');
      const keys = region === call.region ? call.accountOf(account)?.regions[region]?.kms?.keys : undefined;
      const found = keys?.find(({ metadata, aliases = [] }) => metadata.KeyId === name || aliases.includes(name));
      if (found === undefined) {
        const message = name.startsWith('alias/') ? `Alias ${id} is not found.` : `Key '${id}' does not exist`;
        throw new Refusal({ code: 'NotFoundException', status: 400 }, message);
      }
      return { KeyMetadata: found.metadata };
    }),
  ],
};
