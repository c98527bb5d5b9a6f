import {
  GetResourcesCommand,
  type GetResourcesCommandInput,
  paginateGetResources,
  ResourceGroupsTaggingAPIClient,
} from '@aws-sdk/client-resource-groups-tagging-api';
import { expect, test } from 'vitest';
import { testPlane } from '../test-plane.ts';

const home = '123456789012';
const resources = [
  `arn:aws:rds:us-east-1:${home}:db:music`,
  `arn:aws:rds:us-east-1:${home}:cluster:listens`,
  'arn:aws:s3:::nycmg-masters',
  `arn:aws:dynamodb:us-east-1:${home}:table/sessions`,
  `arn:aws:elasticfilesystem:us-east-1:${home}:file-system/fs-1`,
].map((ResourceARN) => ({ ResourceARN, Tags: [{ Key: 'backup tier', Value: '<&>"é🎵' }] }));

const tested = testPlane({
  homeAccount: home,
  accounts: { [home]: { regions: { 'us-east-1': { tagging: { resources } } } } },
});

const tagging = (configuration = {}) => tested.client(ResourceGroupsTaggingAPIClient, configuration);

async function listed(input: GetResourcesCommandInput) {
  const found = [];
  for await (const page of paginateGetResources({ client: tagging() }, { ...input })) {
    found.push(...(page.ResourceTagMappingList ?? []));
  }
  return found;
}

test('lists tagged resources over pages, the last of which has an empty token', async () => {
  expect(await listed({})).toEqual(resources);
  const client = tagging();
  const first = await client.send(new GetResourcesCommand({ PaginationToken: '' }));
  expect(first.ResourceTagMappingList).toHaveLength(3);
  const last = await client.send(new GetResourcesCommand({ PaginationToken: first.PaginationToken }));
  expect(last.PaginationToken).toBe('');
});

test.each([
  [['rds'], [0, 1]],
  [['rds:db'], [0]],
  [
    ['s3:bucket', 'dynamodb:table'],
    [2, 3],
  ],
  [['s3'], [2]],
  [['elasticfilesystem:file-system'], [4]],
  [['ec2:instance'], []],
])('lists resources of the types %j', async (ResourceTypeFilters, indices) => {
  expect(await listed({ ResourceTypeFilters })).toEqual(indices.map((index) => resources[index]));
});

test('is empty in another region', async () => {
  const { ResourceTagMappingList } = await tagging({ region: 'us-west-2' }).send(new GetResourcesCommand({}));
  expect(ResourceTagMappingList).toEqual([]);
});

test('refuses a filter that it does not honour', async () => {
  const filtered = tagging().send(new GetResourcesCommand({ TagFilters: [{ Key: 'x' }] }));
  await expect(filtered).rejects.toMatchObject({
    name: 'InvalidParameterException',
    message: expect.stringContaining('TagFilters'),
  });
});

test('is struck by faults', async () => {
  tested.plane.inject({ service: 'tagging', operation: 'GetResources', fault: 'throttled' });
  await expect(tagging().send(new GetResourcesCommand({}))).rejects.toMatchObject({ name: 'ThrottledException' });
});
