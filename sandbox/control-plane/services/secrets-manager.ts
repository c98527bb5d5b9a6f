import {
  GetSecretValue$,
  type GetSecretValueRequest,
  type GetSecretValueResponse,
} from '@aws-sdk/client-secrets-manager';
import { jsonWire } from '../json-wire.ts';
import { Refusal } from '../refusal.ts';
import { operation, refuseOthers, type Service } from '../service.ts';

/** The secrets of one region, each as GetSecretValue gives its current version. */
export interface SecretsManagerDocument {
  readonly secrets: readonly GetSecretValueResponse[];
}

/** AWS Secrets Manager. */
export const secretsManager: Service = {
  name: 'secretsmanager',
  serviceId: 'Secrets Manager',
  wire: jsonWire,
  errorCodes: { internalError: { code: 'InternalServiceError', status: 500 } },
  operations: [
    operation(GetSecretValue$, (input: GetSecretValueRequest, call): GetSecretValueResponse => {
      const { SecretId: id, ...others } = input;
      refuseOthers(others);
      const secret = call.regional.secretsManager?.secrets.find(({ ARN, Name }) => id === ARN || id === Name);
      if (secret === undefined) {
        const message = "Secrets Manager can't find the specified secret.";
        throw new Refusal({ code: 'ResourceNotFoundException', status: 400 }, message);
      }
      return secret;
    }),
  ],
};
