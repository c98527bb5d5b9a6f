import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AssetHashType } from 'aws-cdk-lib';
import { Code, Runtime } from 'aws-cdk-lib/aws-lambda';
import type { DeployedConfig } from '../shared/deployment.ts';
import { bundle } from './bundle.ts';

const functions = join(dirname(dirname(fileURLToPath(import.meta.url))), 'functions');

/** What every function runs on. */
export const runtime = Runtime.NODEJS_24_X;

/**
 * Returns the code of a task with its configuration, bundled when the app is synthesized, on this machine. A stack that
 * the context `aws:cdk:bundling-stacks` leaves out is synthesized without.
 */
export function taskCode(taskId: string, deployed: DeployedConfig): Code {
  return Code.fromAsset(join(functions, taskId), {
    // The hash of the output: a version of the function is published when, and only when, code or configuration changed.
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      // The CDK asks for an image to fall back on; the local bundler either succeeds or throws, so none is ever used.
      image: runtime.bundlingImage,
      local: {
        tryBundle(outDir) {
          bundle({ taskId, deployed, outDir });
          return true;
        },
      },
    },
  });
}
