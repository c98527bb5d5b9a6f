/**
 * Returns which version of Caretaker runs: of the deployed function, as Lambda says it, or what `CARETAKER_VERSION` says elsewhere.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
 */
export function codeVersion(environment: NodeJS.ProcessEnv = process.env): string {
  const {
    AWS_LAMBDA_FUNCTION_NAME: name,
    AWS_LAMBDA_FUNCTION_VERSION: version,
    CARETAKER_VERSION: given,
  } = environment;
  if (given !== undefined && given !== '') return given;
  return name === undefined ? 'not deployed' : `${name}:${version ?? ''}`;
}
