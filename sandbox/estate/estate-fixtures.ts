import { vi } from 'vitest';
import { AwsClients } from '../../shared/aws/clients.ts';
import { startControlPlane } from '../control-plane/control-plane.ts';
import type { AccountDocument, EstateDocument } from '../control-plane/estate-document.ts';

/** The account that {@link accountOf} makes an estate of. */
export const account = '123456789012';

/** Returns an estate of one account with nothing in it but what is given. */
export function accountOf(document: Partial<AccountDocument>): EstateDocument {
  return { homeAccount: account, accounts: { [account]: { regions: {}, ...document } } };
}

/** Does something with clients that find an estate where they look for AWS; afterwards it is gone. */
export async function inEstate<Result>(
  estate: EstateDocument,
  work: (clients: AwsClients) => Promise<Result>,
): Promise<Result> {
  const plane = await startControlPlane({ estate });
  for (const [name, value] of Object.entries(plane.environment)) vi.stubEnv(name, value);
  const clients = new AwsClients();
  try {
    return await work(clients);
  } finally {
    clients.destroy();
    vi.unstubAllEnvs();
    await plane.stop();
  }
}
