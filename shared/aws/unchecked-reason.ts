/** Why something could not be looked at: a kebab-case code and a sentence for people. */
export interface UncheckedReason {
  readonly reason: string;
  readonly detail: string;
}

const accessDenied =
  /^(AccessDenied|AccessDeniedException|UnauthorizedOperation|AuthorizationError|NotAuthorized|OptInRequired)$/;
const badCredentials =
  /^(ExpiredToken|ExpiredTokenException|InvalidClientTokenId|UnrecognizedClientException|InvalidSignatureException|SignatureDoesNotMatch|InvalidAccessKeyId|InvalidToken|MissingAuthenticationToken)$/;
const throttled =
  /^(Throttling|ThrottlingException|ThrottledException|RequestThrottled|RequestThrottledException|TooManyRequestsException|RequestLimitExceeded|SlowDown|ProvisionedThroughputExceededException|LimitExceededException|BandwidthLimitExceeded)$/;
const network =
  /^(ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|EPIPE|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|ERR_SSL_.*|ERR_TLS_.*)$/;

/**
 * Returns why an AWS call failed, when the failure means that something could not be looked at: denied, throttled (after
 * the SDK's own retries), unreachable, no credentials. Returns `undefined` for anything else, which is a bug and must
 * propagate. Codes: https://docs.aws.amazon.com/general/latest/gr/api-error-codes.html
 */
export function uncheckedReason(error: unknown): UncheckedReason | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const said = `${error.name}: ${error.message}`;
  if (error.name === 'CredentialsProviderError' || error.name === 'TokenProviderError') {
    return {
      reason: 'no-credentials',
      detail:
        'No AWS credentials were found. Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or sign in with ' +
        `\`aws sso login\`. (${error.message})`,
    };
  }
  if (accessDenied.test(error.name)) return { reason: 'access-denied', detail: said };
  if (badCredentials.test(error.name)) return { reason: 'bad-credentials', detail: said };
  if (throttled.test(error.name)) return { reason: 'throttled', detail: `${said} (after the SDK's retries)` };
  if (error.name === 'AbortError')
    return { reason: 'not-reached', detail: 'The run ran out of time before the answer came.' };
  // The SDK calls a connection that was reset a TimeoutError too.
  if (error.name === 'TimeoutError' && !network.test(code)) return { reason: 'timeout', detail: said };
  if (network.test(code) || network.test(error.name)) return { reason: 'unreachable', detail: said };
  // Every other error of a call carries this mark of the SDK: it may be our own bad input, but what was asked for was not seen.
  if ('$metadata' in error) return { reason: 'aws-error', detail: said };
  return undefined;
}
