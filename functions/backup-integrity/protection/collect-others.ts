import { paginateGetResources, ResourceGroupsTaggingAPIClient } from '@aws-sdk/client-resource-groups-tagging-api';
import pMap from 'p-map';
import type { AccessibleAccount } from '../../../shared/aws/accounts.ts';
import { scopeType } from '../../../shared/coverage.ts';
import type { Resource } from '../../../shared/resource.ts';
import type { Context } from '../context.ts';
import type { Tags } from '../items.ts';

/** Something that AWS Backup can protect and that has no other collector here. */
export interface OtherResource {
  readonly resource: Resource;
  readonly tags: Tags;
}

/**
 * The kinds looked for, as the tagging API names them. Volumes and instances of EC2 are not among them: a backup of the instance
 * holds its volumes, and machines that are replaced rather than restored would all be findings.
 */
const kinds: Readonly<Record<string, string>> = {
  'dynamodb:table': 'dynamodb-table',
  'elasticfilesystem:file-system': 'efs-file-system',
  'fsx:file-system': 'fsx-file-system',
};

const listingConcurrency = 6;

/**
 * Returns tables and file systems with their tags. The tagging API leaves out what has never been tagged:
 * https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html
 */
export async function collectOthers(
  accounts: readonly AccessibleAccount[],
  { clients, coverage, estate, signal }: Context,
): Promise<OtherResource[]> {
  const places = accounts.flatMap((account) => estate.regions.map((region) => ({ account, region })));
  const found: OtherResource[] = [];
  await pMap(
    places,
    async ({ account, region }) => {
      const client = clients.get(ResourceGroupsTaggingAPIClient, account.in(region));
      const listing: Resource = {
        type: scopeType,
        id: `tagging/${account.id}/${region}`,
        name: `tables and file systems in ${region}`,
        account: account.id,
        region,
      };
      await coverage.look(listing, async () => {
        const wanted = { ResourceTypeFilters: Object.keys(kinds) };
        for await (const page of paginateGetResources({ client }, wanted, { abortSignal: signal })) {
          for (const { ResourceARN, Tags: tags = [] } of page.ResourceTagMappingList ?? []) {
            const type = ResourceARN === undefined ? undefined : kindOf(ResourceARN);
            if (ResourceARN === undefined || type === undefined) continue;
            const name = ResourceARN.slice(ResourceARN.lastIndexOf('/') + 1);
            const resource = { type, id: ResourceARN, name, account: account.id, region };
            coverage.checked(resource);
            found.push({ resource, tags: Object.fromEntries(tags.map(({ Key = '', Value = '' }) => [Key, Value])) });
          }
        }
      });
    },
    { concurrency: listingConcurrency },
  );
  return found;
}

/** `arn:aws:dynamodb:us-east-1:123456789012:table/sessions` is a `dynamodb:table`; an index of it is nothing of its own. */
function kindOf(arn: string): string | undefined {
  const [, , service, , , ...rest] = arn.split(':');
  const [type, name, ...below] = rest.join(':').split('/');
  return name === undefined || below.length > 0 ? undefined : kinds[`${service}:${type}`];
}
