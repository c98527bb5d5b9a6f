import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ControlPlane, startControlPlane } from '../../../sandbox/control-plane/control-plane.ts';
import { AwsClients } from '../../../shared/aws/clients.ts';
import { uncheckedReason } from '../../../shared/aws/unchecked-reason.ts';
import { CoverageLedger } from '../../../shared/coverage.ts';
import { contextFor } from '../context-fixtures.ts';
import { collectOthers } from './collect-others.ts';

const account = '123456789012';
const table = (region: string, name: string) => `arn:aws:dynamodb:${region}:${account}:table/${name}`;
const fileSystem = `arn:aws:elasticfilesystem:us-west-2:${account}:file-system/fs-0123456789abcdef0`;

let plane: ControlPlane;
let environment: NodeJS.ProcessEnv;
beforeAll(async () => {
  const names = ['artists', 'listens', 'plays', 'sessions', 'venues'];
  plane = await startControlPlane({
    estate: {
      homeAccount: account,
      accounts: {
        [account]: {
          regions: {
            'us-east-1': {
              tagging: {
                resources: [
                  ...names.map((name) => ({
                    ResourceARN: table('us-east-1', name),
                    Tags: [{ Key: 'tier', Value: 'critical' }],
                  })),
                  { ResourceARN: `${table('us-east-1', 'artists')}/index/by-name`, Tags: [] },
                  { ResourceARN: `arn:aws:sqs:us-east-1:${account}:queue`, Tags: [] },
                ],
              },
            },
            'us-west-2': { tagging: { resources: [{ ResourceARN: fileSystem, Tags: [] }] } },
          },
        },
      },
    },
  });
  environment = { ...process.env };
  Object.assign(process.env, plane.environment);
});
afterAll(async () => {
  process.env = environment;
  await plane.stop();
});

async function collected() {
  const coverage = new CoverageLedger({ classify: uncheckedReason });
  const clients = new AwsClients();
  const context = contextFor({ now: new Date(), clients, coverage });
  try {
    const found = await collectOthers([{ id: account, in: (region) => ({ region }) }], context);
    return { found, coverage: coverage.summary() };
  } finally {
    clients.destroy();
  }
}

it('finds tables and file systems on every page and in every region, with their tags, and nothing else', async () => {
  const { found, coverage } = await collected();
  expect(found.map(({ resource }) => `${resource.type} ${resource.name} ${resource.region}`).sort()).toEqual([
    'dynamodb-table artists us-east-1',
    'dynamodb-table listens us-east-1',
    'dynamodb-table plays us-east-1',
    'dynamodb-table sessions us-east-1',
    'dynamodb-table venues us-east-1',
    'efs-file-system fs-0123456789abcdef0 us-west-2',
  ]);
  expect(found.find(({ resource }) => resource.name === 'plays')?.tags).toEqual({ tier: 'critical' });
  expect(coverage.byType['dynamodb-table']).toEqual({ expected: 5, checked: 5 });
  expect(coverage.unchecked).toEqual([]);
});

it('leaves a region that may not be asked unchecked, and goes on with the other', async () => {
  const lift = plane.inject({ service: 'tagging', region: 'us-west-2', fault: 'access-denied' });
  try {
    const { found, coverage } = await collected();
    expect(found).toHaveLength(5);
    expect(coverage.unchecked.map(({ resource, reason }) => [resource.id, reason])).toEqual([
      [`tagging/${account}/us-west-2`, 'access-denied'],
    ]);
  } finally {
    lift();
  }
});
