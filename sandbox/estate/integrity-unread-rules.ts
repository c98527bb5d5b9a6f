import type { PlantedRule } from './integrity-planted-rule.ts';

/** Rules that cannot be looked at, each for a reason of its own, while all the others are. */
export const unreadRules: readonly PlantedRule[] = [
  {
    rule: { id: 'tracks-have-a-mood', kind: 'notNull', table: 'tracks', column: 'mood' },
    why: 'the column was dropped, and the rule forgotten',
    unchecked: 'missing-column',
  },
  {
    rule: { id: 'stems-have-a-track', kind: 'notNull', table: 'stems', column: 'track_id' },
    why: 'there is no such table yet',
    unchecked: 'missing-table',
  },
  {
    rule: {
      id: 'bank-accounts-iban',
      kind: 'pattern',
      table: 'payouts.bank_accounts',
      column: 'iban',
      matches: '^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$',
      severity: 'high',
    },
    why: 'the role of the audit may not read bank accounts',
    unchecked: 'access-denied',
  },
  {
    rule: { id: 'messages-have-a-sender', kind: 'notNull', table: 'social.private_messages', column: 'sender_id' },
    why: 'a policy hides every row from the role, which must not pass for an empty table that is right',
    unchecked: 'access-denied',
  },
  {
    rule: {
      id: 'slow-question',
      kind: 'sql',
      query: 'select id from boroughs where pg_sleep(600) is not null',
      key: ['id'],
    },
    why: 'a query that nobody waits for',
    unchecked: 'timeout',
  },
];
