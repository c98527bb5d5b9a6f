import { beforeEach, expect, it, vi } from 'vitest';
import { AwsClients } from '../../shared/aws/clients.ts';
import { definitionHash } from '../../shared/retention/definition-hash.ts';
import { archivePolicy } from './archive/archive-policy.ts';
import { configSchema } from './config.ts';
import { contextFor, parsePolicy } from './context-fixtures.ts';
import { steps } from './steps.ts';

vi.mock(import('./archive/archive-policy.ts'), () => ({ archivePolicy: vi.fn() }));

beforeEach(() => {
  vi.mocked(archivePolicy).mockReset();
});

/** Returns the policy that the work is done by. */
async function workedOn(bucket: string, own?: object) {
  const { destination: _, ...policy } = parsePolicy();
  const config = configSchema.parse({ destination: { bucket }, policies: [{ ...policy, ...own }] });
  await steps.work?.({ id: 'policy/old-listens' }, undefined, contextFor({ clients: new AwsClients(), config }));
  return vi.mocked(archivePolicy).mock.lastCall?.[0] as NonNullable<typeof policy>;
}

it('takes archives in another bucket for another plan, also where the task names the bucket', async () => {
  const one = await workedOn('one');
  const other = await workedOn('other');
  expect(one).toMatchObject({ destination: { bucket: 'one' } });
  expect(definitionHash(one)).not.toBe(definitionHash(other));
  expect(await workedOn('one', { destination: { bucket: 'own' } })).toMatchObject({ destination: { bucket: 'own' } });
});
