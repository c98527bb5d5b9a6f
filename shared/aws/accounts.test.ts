import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ControlPlane, startControlPlane } from '../../sandbox/control-plane/control-plane.ts';
import { CoverageLedger } from '../coverage.ts';
import type { Estate } from '../estate.ts';
import { enterAccounts } from './accounts.ts';
import { AwsClients } from './clients.ts';
import { uncheckedReason } from './unchecked-reason.ts';

const home = '111111111111';
const other = '222222222222';
const roleArn = `arn:aws:iam::${other}:role/caretaker-audit`;

let controlPlane: ControlPlane;
let environment: NodeJS.ProcessEnv;
beforeAll(async () => {
  controlPlane = await startControlPlane({
    estate: {
      homeAccount: home,
      accounts: {
        [home]: { regions: {} },
        [other]: { regions: {}, sts: { roles: [{ arn: roleArn, externalId: 'night-watch' }] } },
      },
    },
  });
  environment = { ...process.env };
  Object.assign(process.env, controlPlane.environment);
});
afterAll(async () => {
  process.env = environment;
  await controlPlane.stop();
});

async function enter(accounts: Estate['accounts']) {
  const clients = new AwsClients();
  const coverage = new CoverageLedger({ classify: uncheckedReason });
  const estate: Estate = { name: 'nycmg', timeZone: 'UTC', regions: ['us-east-1'], accounts };
  const entered = await enterAccounts(estate, clients, coverage);
  clients.destroy();
  return {
    ids: entered.map(({ id }) => id),
    unchecked: coverage.summary().unchecked.map(({ resource, reason }) => `${resource.id} ${reason}`),
  };
}

describe('enterAccounts', () => {
  it('takes the account of the credentials at hand when none is named', async () => {
    expect(await enter([])).toEqual({ ids: [home], unchecked: [] });
  });

  it('assumes a role in another account, with the external id', async () => {
    const accounts = [{ id: home }, { id: other, roleArn, externalId: 'night-watch' }];
    expect(await enter(accounts)).toEqual({ ids: [home, other], unchecked: [] });
  });

  it('leaves an account unchecked that lets nobody in, and enters the others', async () => {
    const accounts = [{ id: other, roleArn, externalId: 'guessed' }, { id: home }];
    expect(await enter(accounts)).toEqual({ ids: [home], unchecked: [`account/${other} access-denied`] });
  });

  it('does not take one account for another', async () => {
    expect(await enter([{ id: other }])).toEqual({ ids: [], unchecked: [`account/${other} wrong-account`] });
  });
});
