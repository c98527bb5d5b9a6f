const dayMs = 86_400_000;

/** Where a certificate stands between "renewed in time" and "about to fail". */
export interface RenewalState {
  /** Undefined: nothing to say yet. */
  readonly severity: 'medium' | 'critical' | undefined;
  readonly daysLeft: number;
  /** Days before the end at which its issuer renews it, if all is well. */
  readonly renewalDaysLeft: number;
  /** What set the severity off. */
  readonly because: 'renewal-overdue' | 'little-time-left' | 'warn-days' | 'critical-days' | undefined;
}

/** The days that ACM leaves when it renews: https://docs.aws.amazon.com/acm/latest/userguide/managed-renewal.html */
const acmRenewalDaysLeft = 45;

/**
 * Returns whether a renewal is overdue. A fixed number of days cannot serve 398-day and 47-day certificates alike (CA/Browser
 * Forum SC-081v3), nor can a mere percentage, so lifetime and absolute bounds are combined:
 * - expected renewal: 45 days left for ACM-managed certificates, else min(1/3 of the lifetime, 30 days) left;
 * - medium from min(10 % of the lifetime, 7 days) after that;
 * - critical when less than min(10 % of the lifetime, 14 days) remains.
 *
 * `warnDays` and `criticalDays` raise either earlier, never later. Without `notBefore` the absolute numbers alone apply.
 */
export function renewalState(
  validity: { readonly notBefore: Date | undefined; readonly notAfter: Date; readonly isAcmManaged: boolean },
  overrides: { readonly warnDays?: number | undefined; readonly criticalDays?: number | undefined },
  now: Date,
): RenewalState {
  const daysLeft = (validity.notAfter.getTime() - now.getTime()) / dayMs;
  const lifetimeDays =
    validity.notBefore === undefined
      ? Number.POSITIVE_INFINITY
      : Math.max(0, (validity.notAfter.getTime() - validity.notBefore.getTime()) / dayMs);
  const renewalDaysLeft = validity.isAcmManaged ? acmRenewalDaysLeft : Math.min(lifetimeDays / 3, 30);
  const overdueDaysLeft = renewalDaysLeft - Math.min(lifetimeDays * 0.1, 7);
  const criticalDaysLeft = Math.min(lifetimeDays * 0.1, 14);

  const state = { daysLeft, renewalDaysLeft };
  if (daysLeft < criticalDaysLeft) return { ...state, severity: 'critical', because: 'little-time-left' };
  if (daysLeft < (overrides.criticalDays ?? 0)) return { ...state, severity: 'critical', because: 'critical-days' };
  if (daysLeft <= overdueDaysLeft) return { ...state, severity: 'medium', because: 'renewal-overdue' };
  if (daysLeft < (overrides.warnDays ?? 0)) return { ...state, severity: 'medium', because: 'warn-days' };
  return { ...state, severity: undefined, because: undefined };
}
