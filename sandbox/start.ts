import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tolerateClosedPipe } from '../cli/closed-pipe.ts';
import { renderHtml } from '../cli/render-html.ts';
import { renderReport } from '../cli/render-report.ts';
import { terminalOf } from '../cli/terminal.ts';
import type { Report } from '../shared/report.ts';
import type { Delivery } from './aws/sns-delivery.ts';
import { deployToSandbox } from './deploy.ts';
import { interruptible } from './interruption.ts';
import { demonstrateRetention, retentionTasks } from './retention-demo.ts';
import { type Sandbox, startSandbox } from './sandbox.ts';

/**
 * `npm start`: starts the sample estate, runs every task over it as it would be deployed, and shows what an operator would see
 * and receive: the audits first, then what takes data past its retention. Leaves a page, and nothing running.
 */
const terminal = terminalOf(process.stdout);
const print = (text = '') => process.stdout.write(`${text}\n`);
const heading = (text: string) =>
  print(`\n${terminal.style('bold', `━━ ${text} ${'━'.repeat(Math.max(0, terminal.columns - text.length - 4))}`)}\n`);

/** A mail that names every finding is long; what is at its top tells how it reads. */
const maxDeliveryLines = 40;

tolerateClosedPipe();
await interruptible(async (interruption) => {
  process.stderr.write('Starting the sample estate on loopback…\n');
  const sandbox = await startSandbox();
  try {
    interruption.throwIfAborted();
    await demonstrate(sandbox, interruption);
  } finally {
    await sandbox.stop();
  }
});

async function demonstrate(sandbox: Sandbox, interruption: AbortSignal): Promise<void> {
  const deployment = await deployToSandbox(sandbox);
  try {
    const reports: Report[] = [];
    const audits = deployment.taskIds.filter((id) => !retentionTasks.some((task) => task === id));
    for (const taskId of audits) {
      interruption.throwIfAborted();
      process.stderr.write(`Running ${taskId}…\n`);
      reports.push(await deployment.readReport(await deployment.invoke(taskId)));
    }
    interruption.throwIfAborted();
    for (const [index, delivery] of sandbox.aws.deliveries().entries()) {
      heading(`Delivered by ${delivery.protocol} to ${delivery.endpoint}`);
      const path = await writeOut(`delivery-${index + 1}.txt`, `${deliveryText(delivery)}\n`);
      const lines = deliveryText(delivery).split('\n');
      print(lines.slice(0, maxDeliveryLines).join('\n'));
      if (lines.length > maxDeliveryLines)
        print(`\n… and ${lines.length - maxDeliveryLines} lines more, as it was sent: ${path}`);
    }
    for (const report of reports) {
      heading(report.title);
      print(renderReport(report, terminal, { brief: true }).trimEnd());
    }
    const pause = () => interruption.throwIfAborted();
    reports.push(...(await demonstrateRetention(sandbox, deployment, { terminal, print, heading, pause })));
    const path = await writeOut('report.html', renderHtml(reports));
    heading('What next');
    print(`This was a sample estate with planted faults. The same as a page: ${path}`);
    print('Your own: write it down as README.md shows, then');
    print('    npm run -s caretaker -- run --all --config my-estate.json');
  } finally {
    await deployment.undo();
  }
}

function deliveryText({ protocol, subject, body }: Delivery): string {
  const text = protocol === 'sms' ? `${body}\n(${body.length} characters, one SMS)` : body.trimEnd();
  return subject === undefined ? text : `Subject: ${subject}\n\n${text}`;
}

/** Writes a file into `out/` and returns its path. */
async function writeOut(name: string, content: string): Promise<string> {
  const directory = join(import.meta.dirname, '..', 'out');
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, name), content);
  return `out/${name}`;
}
