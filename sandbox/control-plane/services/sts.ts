import {
  AssumeRole$,
  type AssumeRoleRequest,
  type AssumeRoleResponse,
  GetCallerIdentity$,
  type GetCallerIdentityRequest,
  type GetCallerIdentityResponse,
} from '@aws-sdk/client-sts';
import { queryWire } from '../query-wire.ts';
import { Refusal } from '../refusal.ts';
import { operation, type Service } from '../service.ts';

/** The roles of an account that any caller may assume, given the external id where there is one. */
export interface StsDocument {
  readonly roles: readonly { readonly arn: string; readonly externalId?: string }[];
}

const defaultDurationSeconds = 3600;

/** AWS Security Token Service. */
export const sts: Service = {
  name: 'sts',
  serviceId: 'STS',
  wire: queryWire('https://sts.amazonaws.com/doc/2011-06-15/'),
  operations: [
    operation(GetCallerIdentity$, (_input: GetCallerIdentityRequest, { caller }): GetCallerIdentityResponse => {
      return { Account: caller.account, Arn: caller.arn, UserId: caller.userId };
    }),

    operation(AssumeRole$, (input: AssumeRoleRequest, call): AssumeRoleResponse => {
      const { RoleArn: roleArn = '', RoleSessionName: session = '', ExternalId: externalId } = input;
      const account = roleArn.split(':')[4] ?? '';
      const role = call.accountOf(account)?.sts?.roles.find(({ arn }) => arn === roleArn);
      // AWS does not tell a role that does not exist, or asks for another external id, from one that trusts someone else.
      if (role === undefined || (role.externalId !== undefined && role.externalId !== externalId)) {
        const message = `User: ${call.caller.arn} is not authorized to perform: sts:AssumeRole on resource: ${roleArn}`;
        throw new Refusal('accessDenied', message);
      }
      const roleName = roleArn.slice(roleArn.lastIndexOf('/') + 1);
      const arn = `arn:aws:sts::${account}:assumed-role/${roleName}/${session}`;
      const userId = `AROASANDBOX:${session}`;
      const durationSeconds = input.DurationSeconds ?? defaultDurationSeconds;
      return {
        AssumedRoleUser: { Arn: arn, AssumedRoleId: userId },
        Credentials: {
          AccessKeyId: call.admit({ account, arn, userId }),
          SecretAccessKey: 'sandbox',
          SessionToken: 'sandbox',
          // The client compares this with its own clock, so it follows the machine's and not the estate's.
          Expiration: new Date(Date.now() + durationSeconds * 1000),
        },
      };
    }),
  ],
};
