import type { EndpointConfig } from '../../functions/certificate-expiry/task.ts';
import type { ScanJob } from '../certificates.bench.ts';

/** Deadlines that both scanners keep, in seconds: the task's defaults. */
export const deadlines = { connectSeconds: 2, handshakeSeconds: 3 };

/**
 * Returns distinct endpoints of one address, told apart by server name. Of the dead ones, spread evenly, half refuse the
 * connection and half accept it and stay silent.
 */
export function endpointsOf({ endpoints, deadPercent, port, silentPort, closedPort }: ScanJob): EndpointConfig[] {
  const everyNth = Math.round(100 / deadPercent);
  return Array.from({ length: endpoints }, (_, index) => {
    const isDead = index % everyNth === 0;
    const deadPort = (index / everyNth) % 2 === 0 ? closedPort : silentPort;
    return { host: '127.0.0.1', port: isDead ? deadPort : port, serverName: `e${index}.bench.example` };
  });
}
