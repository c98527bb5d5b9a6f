import type { Resource } from '../../shared/resource.ts';

interface EndpointAddress {
  readonly host: string;
  readonly port: number;
  readonly serverName?: string | undefined;
}

/**
 * Returns the identity of a live endpoint: `tls://host:port`, or `tls://name@host:port` when another name than the host is
 * asked for by SNI. Stable over runs whatever the host's addresses are.
 */
export function endpointId(endpoint: EndpointAddress): string {
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  const name = endpoint.serverName;
  return name === undefined || name === endpoint.host
    ? `tls://${host}:${endpoint.port}`
    : `tls://${name}@${host}:${endpoint.port}`;
}

/** Returns the endpoint as a resource; people know it by the name that its certificate must cover. */
export function endpointResource(endpoint: EndpointAddress): Resource {
  return {
    type: 'endpoint',
    id: endpointId(endpoint),
    name: `${endpoint.serverName ?? endpoint.host}:${endpoint.port}`,
  };
}
