import { once } from 'node:events';
import { startSandbox } from './sandbox.ts';

/** `npm run sandbox`: keeps the sample estate up and says where everything is, until it is interrupted. */
process.stderr.write('Starting the sample estate on loopback…\n');
const sandbox = await startSandbox();
const ending = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM'), once(process, 'SIGHUP')]);
process.stdout.write('# Paste into a shell to point AWS SDKs and the AWS CLI at the sandbox.\n');
for (const [name, value] of Object.entries(sandbox.environment)) process.stdout.write(`export ${name}='${value}'\n`);
process.stdout.write('\n# PostgreSQL with the NYCMG sample data\n');
process.stdout.write(`export DATABASE_URL='${sandbox.postgres.url}'\n`);
process.stdout.write('\n# Endpoints\n');
for (const { host, port, serverName, startTls } of sandbox.configuration.tasks?.['certificate-expiry']?.endpoints ??
  []) {
  process.stdout.write(
    `# ${host}:${port}  ${serverName ?? ''}${startTls === undefined ? '' : `  STARTTLS ${startTls}`}\n`,
  );
}
process.stderr.write('\nThe sandbox is up. Ctrl-C ends it.\n');
await ending;
await sandbox.stop();
