import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import { expect, it } from 'vitest';

it('runs in a process of its own, which ends with the one that started it', async () => {
  const child: ChildProcess = fork(new URL('main.ts', import.meta.url), { execArgv: [] });
  const [{ url }] = (await once(child, 'message')) as [{ url: string }];
  const s3 = new S3Client({
    endpoint: url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'sandbox', secretAccessKey: 'sandbox' },
  });
  expect((await s3.send(new ListBucketsCommand({}))).Buckets ?? []).toEqual([]);
  s3.destroy();
  const ended = once(child, 'exit');
  child.disconnect();
  expect(await ended).toEqual([0, null]);
});
