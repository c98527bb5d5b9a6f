import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { loadConfiguration } from '../config/load.ts';
import { ConfigError } from '../shared/config-error.ts';
import { parseAppOptions } from './app-options.ts';
import { CaretakerStack } from './caretaker-stack.ts';

try {
  const app = new App();
  const options = parseAppOptions((key) => app.node.tryGetContext(key));
  const configuration = await loadConfiguration(options.config);
  new CaretakerStack(app, `caretaker-${options.stage}`, {
    stage: options.stage,
    configuration,
    environment: options.environment,
    // No account: CloudFormation fills it in, so that synthesis needs no credentials. The region is the estate's, not the
    // shell's: the CDK command sets CDK_DEFAULT_REGION to us-east-1 when nothing else does.
    env: { region: options.region ?? configuration.estate.regions[0] },
  });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  app.synth();
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
