import { connect, createSecureContext } from 'node:tls';
import type { ScanJob, ScanResult } from '../certificates.bench.ts';
import { deadlines, endpointsOf } from './endpoints.ts';

/** The least that a scan of endpoints can be: connect, shake hands, hang up; one retry, as the task makes. */
process.on('message', async (job: ScanJob) => {
  const endpoints = endpointsOf(job);
  const secureContext = createSecureContext({ ca: job.rootPem });
  const startedAt = performance.now();
  let answered = 0;
  const again: typeof endpoints = [];
  await inLanes(endpoints, async (endpoint) => {
    if (await handshake(endpoint)) answered++;
    else again.push(endpoint);
  });
  await inLanes(again, async (endpoint) => {
    if (await handshake(endpoint)) answered++;
  });
  const result: ScanResult = {
    seconds: (performance.now() - startedAt) / 1000,
    answered,
    unanswered: endpoints.length - answered,
    peakMiB: process.resourceUsage().maxRSS / 1024,
  };
  process.send?.(result);

  async function inLanes(items: typeof endpoints, work: (item: (typeof endpoints)[number]) => Promise<void>) {
    let next = 0;
    const lane = async () => {
      for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item);
    };
    await Promise.all(Array.from({ length: job.concurrency }, lane));
  }

  function handshake({ host, port, serverName }: (typeof endpoints)[number]): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect({ host, port, servername: serverName ?? host, secureContext, rejectUnauthorized: false });
      const timer = setTimeout(() => settle(false), deadlines.handshakeSeconds * 1000);
      const settle = (isGood: boolean) => {
        clearTimeout(timer);
        socket.destroy();
        resolve(isGood);
      };
      socket.on('secureConnect', () => settle(true));
      socket.on('error', () => settle(false));
    });
  }
});
process.send?.('ready');
