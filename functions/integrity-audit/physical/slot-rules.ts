import { escapeLiteral } from 'pg';
import type { FindingDraft } from '../../../shared/finding.ts';
import { formatQuantity } from '../../../shared/text/format-quantity.ts';
import type { RuleId } from '../context.ts';
import { durationText } from '../duration-text.ts';
import type { SlotFacts } from './facts.ts';
import type { PhysicalRule, PhysicalRuleContext } from './rule-context.ts';

const mebibyte = 1024 ** 2;
const million = 1e6;
const minuteMs = 60_000;

/**
 * Policy: who reads from a replication slot keeps up. A slot keeps write-ahead log until the disk is full, and old rows until transaction
 * ids run out, for a reader that may never come back; and one that lost what its reader needs is of no use any more.
 * https://www.postgresql.org/docs/current/view-pg-replication-slots.html
 */
const replicationSlotBehind: PhysicalRule<SlotFacts, 'replication-slot-behind'> = (slot, context) => {
  const trouble = lost(slot) ?? behind(slot, context) ?? inactive(slot, context);
  if (trouble === undefined) return [];
  const { resource, kind, isActive, retainedBytes, transactionAge, walStatus, inactiveSince } = slot;
  return [
    {
      rule: 'replication-slot-behind',
      resource,
      ...trouble,
      evidence: {
        kind,
        isActive,
        ...(retainedBytes === undefined ? {} : { retainedMebibytes: Math.round(retainedBytes / mebibyte) }),
        ...(transactionAge === undefined ? {} : { transactionAge }),
        ...(walStatus === undefined ? {} : { walStatus }),
        ...(inactiveSince === undefined ? {} : { inactiveSince: inactiveSince.toISOString() }),
        ...(slot.invalidationReason === undefined ? {} : { invalidationReason: slot.invalidationReason }),
      },
    },
  ];
};

type Trouble = Pick<FindingDraft<RuleId>, 'severity' | 'summary' | 'remedy'>;

function lost({ name, walStatus, invalidationReason }: SlotFacts): Trouble | undefined {
  if (walStatus !== 'lost' && invalidationReason === undefined) return undefined;
  const why = invalidationReason === undefined ? '' : ` (${invalidationReason})`;
  return {
    severity: 'high',
    summary: `What its reader needs has been removed${why}: it can never catch up.`,
    remedy: `Build the reader anew, and drop the slot: \`${drop(name)}\``,
  };
}

function behind(slot: SlotFacts, { settings }: PhysicalRuleContext): Trouble | undefined {
  const { name, retainedBytes = 0, transactionAge = 0, walStatus, isActive } = slot;
  const remedy = isActive
    ? 'Find out why its reader does not keep up.'
    : `Bring its reader back; where there is none any more, drop the slot: \`${drop(name)}\``;
  const retained = formatQuantity('retainedBytes', retainedBytes, 'UTC');
  if (walStatus === 'unreserved') {
    const summary = `It is ${retained} behind, and the server is about to remove what its reader needs.`;
    return { severity: 'high', summary, remedy };
  }
  if (retainedBytes > settings.slotRetainedMebibytes * mebibyte) {
    const summary = `It keeps ${retained} of write-ahead log on the disk, for a reader that does not fetch it.`;
    return { severity: 'high', summary, remedy };
  }
  if (transactionAge >= settings.wraparoundAgeMillions * million) {
    const summary = `It keeps the rows of ${transactionAge.toLocaleString('en-US')} transactions from being cleaned up.`;
    return { severity: 'high', summary, remedy };
  }
  return undefined;
}

/** One that never reserved anything keeps nothing, however long nobody reads from it. A standby's copy of a slot is never read from. */
function inactive(slot: SlotFacts, { settings, now }: PhysicalRuleContext): Trouble | undefined {
  const { name, isActive, isSynced, isTemporary, inactiveSince, retainedBytes, transactionAge } = slot;
  if (isActive || isSynced || isTemporary || inactiveSince === undefined) return undefined;
  if (retainedBytes === undefined && transactionAge === undefined) return undefined;
  // Two clocks are compared.
  const minutes = Math.max(0, (now.getTime() - inactiveSince.getTime()) / minuteMs);
  if (minutes < settings.slotInactiveMinutes) return undefined;
  return {
    severity: 'medium',
    summary: `Nobody has read from it for ${durationText(minutes)}, and it keeps everything since.`,
    remedy: `Bring its reader back; where there is none any more, drop the slot: \`${drop(name)}\``,
  };
}

function drop(name: string): string {
  return `select pg_drop_replication_slot(${escapeLiteral(name)});`;
}

export const slotRules = { 'replication-slot-behind': replicationSlotBehind };
