import {
  GetResources$,
  type GetResourcesInput,
  type GetResourcesOutput,
  type ResourceTagMapping,
} from '@aws-sdk/client-resource-groups-tagging-api';
import { jsonWire } from '../json-wire.ts';
import { operation, refuseOthers, type Service } from '../service.ts';

/** The resources of one region that have or had tags. */
export interface TaggingDocument {
  readonly resources: readonly ResourceTagMapping[];
}

/** Resource Groups Tagging API. */
export const tagging: Service = {
  name: 'tagging',
  serviceId: 'Resource Groups Tagging API',
  wire: jsonWire,
  errorCodes: {
    invalidInput: { code: 'InvalidParameterException', status: 400 },
    internalError: { code: 'InternalServiceException', status: 500 },
    throttled: { code: 'ThrottledException', status: 400 },
  },
  operations: [
    operation(GetResources$, (input: GetResourcesInput, call): GetResourcesOutput => {
      const { PaginationToken, ResourceTypeFilters, ResourcesPerPage, ...others } = input;
      refuseOthers(others);
      const listed = (call.regional.tagging?.resources ?? []).filter(
        ({ ResourceARN = '' }) =>
          ResourceTypeFilters === undefined || ResourceTypeFilters.some((type) => isOfType(ResourceARN, type)),
      );
      const { items, next } = call.page(listed, PaginationToken || undefined, ResourcesPerPage);
      // The last page has an empty token, not none.
      return { ResourceTagMappingList: items, PaginationToken: next ?? '' };
    }),
  ],
};

/** `rds` is every resource of RDS, `rds:db` its instances, `s3:bucket` the buckets, whose ARNs name no type. */
function isOfType(arn: string, filter: string): boolean {
  const [, , service, , , ...resource] = arn.split(':');
  const [wantedService, wantedType] = filter.split(':');
  if (service !== wantedService) return false;
  if (wantedType === undefined) return true;
  const type = /^(\w[\w-]*)[:/]/.exec(resource.join(':'))?.[1];
  return type === wantedType || (service === 's3' && wantedType === 'bucket' && type === undefined);
}
