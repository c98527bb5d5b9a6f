import { applyCorrection } from './apply-correction.ts';
import { attendCorrection } from './attend-correction.ts';
import type { CorrectionContext } from './correction-context.ts';
import { type CorrectionResult, resultOf } from './correction-result.ts';
import { failureOf } from './failure.ts';
import { planCorrection } from './plan-correction.ts';
import type { CorrectableRule } from './prepared-correction.ts';
import { RefusedError } from './refused-error.ts';

/** What is asked for: to see the plan, to apply it, or to write down that a person has done it. */
export type CorrectionRequest =
  | { readonly kind: 'plan' }
  | { readonly kind: 'apply' }
  | { readonly kind: 'attend'; readonly note: string };

/** Does what is asked for, and returns what came of it, also where it was refused or failed. */
export async function correct(
  rule: CorrectableRule,
  request: CorrectionRequest,
  context: CorrectionContext,
): Promise<CorrectionResult> {
  try {
    if (request.kind === 'apply') return await applyCorrection(rule, context);
    if (request.kind === 'attend') return await attendCorrection(rule, request.note, context);
    return await planCorrection(rule, context);
  } catch (error) {
    if (error instanceof RefusedError) {
      const { code, violations } = error;
      return resultOf(rule, { outcome: 'refused', code, message: `${error.message} Nothing was changed.`, violations });
    }
    const failure = failureOf(error);
    if (failure === undefined) throw error;
    return resultOf(rule, {
      outcome: 'failed',
      code: failure.code,
      message: `${failure.message} Nothing was changed.`,
    });
  }
}
