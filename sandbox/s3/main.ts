import { startObjectServer } from './object-server.ts';

/** S3 in a process of its own: it tells its URL to whoever started it, and lasts as long as that one does. */
const server = await startObjectServer({ port: Number(process.env.PORT ?? 0) });
if (process.send === undefined) process.stdout.write(`${server.url}\n`);
else process.send({ url: server.url });
process.once('disconnect', () => process.exit());
