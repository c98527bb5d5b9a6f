import { describe, expect, it } from 'vitest';
import { uncheckedReason } from './unchecked-reason.ts';

function sdkError(name: string, extra: object = { $metadata: {} }): Error {
  return Object.assign(new Error('said the service'), { name, ...extra });
}

describe('uncheckedReason', () => {
  it.each([
    ['AccessDeniedException', 'access-denied'],
    ['AccessDenied', 'access-denied'],
    ['UnauthorizedOperation', 'access-denied'],
    ['ThrottlingException', 'throttled'],
    ['Throttling', 'throttled'],
    ['ExpiredToken', 'bad-credentials'],
    ['InvalidClientTokenId', 'bad-credentials'],
    ['CredentialsProviderError', 'no-credentials'],
    ['InternalFailure', 'aws-error'],
  ])('of %s is %s', (name, reason) => {
    expect(uncheckedReason(sdkError(name))?.reason).toBe(reason);
  });

  it('of a network failure is unreachable, of a late answer timeout', () => {
    expect(uncheckedReason(sdkError('Error', { code: 'ECONNREFUSED' }))?.reason).toBe('unreachable');
    expect(uncheckedReason(sdkError('TimeoutError', {}))?.reason).toBe('timeout');
    expect(uncheckedReason(sdkError('AbortError', {}))?.reason).toBe('not-reached');
  });

  it('is none for our own bugs, which must propagate', () => {
    expect(uncheckedReason(new TypeError('undefined is not a function'))).toBeUndefined();
    expect(uncheckedReason('text')).toBeUndefined();
  });
});
