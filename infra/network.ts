import { Annotations } from 'aws-cdk-lib';
import type { CfnFunction, Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import type { Network } from '../shared/estate.ts';

/**
 * Where Lambda keeps the certificates of Amazon's own authorities, RDS's among them, which Node no longer loads by itself:
 * https://docs.aws.amazon.com/lambda/latest/dg/lambda-nodejs.html#nodejs-certificate-loading
 */
export const rdsAuthoritiesPath = '/var/runtime/ca-cert.pem';

/** Lets a function run in subnets of a VPC. They are named by their ids alone: nothing is looked up to synthesize. */
export function placeInNetwork(lambda: LambdaFunction, { subnetIds, securityGroupIds }: Network): void {
  (lambda.node.defaultChild as CfnFunction).vpcConfig = {
    subnetIds: [...subnetIds],
    securityGroupIds: [...securityGroupIds],
  };
}

/** Without a network, a function reaches databases only that the whole internet reaches. */
export function warnOfNoNetwork(scope: Construct, taskId: string): void {
  Annotations.of(scope).addWarningV2(
    'caretaker:no-network',
    `${taskId} reads databases, and the configuration names no network: it reaches only databases that are open to the internet.`,
  );
}
