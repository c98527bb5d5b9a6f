import { once } from 'node:events';
import { tolerateClosedPipe } from '../cli/closed-pipe.ts';
import { interruptible } from './interruption.ts';
import { type Sandbox, startSandbox } from './sandbox.ts';

/**
 * `npm run sandbox`: keeps the sample estate up and says where everything is, until it is interrupted; also when
 * whoever read that has left, as `grep -m1 DATABASE_URL` does.
 */
tolerateClosedPipe();
await interruptible(async (interruption) => {
  process.stderr.write('Starting the sample estate on loopback…\n');
  const sandbox = await startSandbox();
  try {
    interruption.throwIfAborted();
    describe(sandbox);
    process.stderr.write('\nThe sandbox is up. Ctrl-C ends it.\n');
    await once(interruption, 'abort');
  } finally {
    await sandbox.stop();
  }
});

function describe({ environment, postgres, configuration }: Sandbox): void {
  process.stdout.write('# Paste into a shell to point AWS SDKs and the AWS CLI at the sandbox.\n');
  for (const [name, value] of Object.entries(environment)) process.stdout.write(`export ${name}='${value}'\n`);
  process.stdout.write('\n# PostgreSQL with the NYCMG sample data\n');
  process.stdout.write(`export DATABASE_URL='${postgres.url}'\n`);
  process.stdout.write('\n# Endpoints\n');
  for (const { host, port, serverName, startTls } of configuration.tasks?.['certificate-expiry']?.endpoints ?? []) {
    process.stdout.write(
      `# ${host}:${port}  ${serverName ?? ''}${startTls === undefined ? '' : `  STARTTLS ${startTls}`}\n`,
    );
  }
}
