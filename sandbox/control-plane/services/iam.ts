import {
  GetServerCertificate$,
  type GetServerCertificateRequest,
  type GetServerCertificateResponse,
  ListServerCertificates$,
  type ListServerCertificatesRequest,
  type ListServerCertificatesResponse,
  type ServerCertificate,
} from '@aws-sdk/client-iam';
import { queryWire } from '../query-wire.ts';
import { Refusal } from '../refusal.ts';
import { operation, refuseOthers, type Service } from '../service.ts';

/** What IAM holds for one account. */
export interface IamDocument {
  readonly serverCertificates: readonly ServerCertificate[];
}

/** AWS Identity and Access Management, which is global: a request's region makes no difference. */
export const iam: Service = {
  name: 'iam',
  serviceId: 'IAM',
  wire: queryWire('https://iam.amazonaws.com/doc/2010-05-08/'),
  errorCodes: { internalError: { code: 'ServiceFailure', status: 500 } },
  operations: [
    operation(ListServerCertificates$, (input: ListServerCertificatesRequest, call): ListServerCertificatesResponse => {
      const { Marker, MaxItems, PathPrefix = '/', ...others } = input;
      refuseOthers(others);
      const listed = (call.account.iam?.serverCertificates ?? [])
        .flatMap(({ ServerCertificateMetadata }) => ServerCertificateMetadata ?? [])
        .filter(({ Path }) => (Path ?? '/').startsWith(PathPrefix));
      const { items, next } = call.page(listed, Marker, MaxItems);
      return { ServerCertificateMetadataList: items, IsTruncated: next !== undefined, Marker: next };
    }),

    operation(GetServerCertificate$, (input: GetServerCertificateRequest, call): GetServerCertificateResponse => {
      const name = input.ServerCertificateName;
      const certificate = call.account.iam?.serverCertificates.find(
        ({ ServerCertificateMetadata }) => ServerCertificateMetadata?.ServerCertificateName === name,
      );
      if (certificate === undefined) {
        const message = `The Server Certificate with name ${name} cannot be found.`;
        throw new Refusal({ code: 'NoSuchEntity', status: 404 }, message);
      }
      return { ServerCertificate: certificate };
    }),
  ],
};
