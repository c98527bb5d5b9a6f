import { escapeLiteral } from 'pg';
import { formatTableName, identifier, qualified } from '../../../shared/postgres/sql.ts';
import { durationText } from '../duration-text.ts';
import type { PreparedTransactionFacts, RoleFacts, UnprovenConstraint } from './facts.ts';
import type { PhysicalRule } from './rule-context.ts';

const minuteMs = 60_000;

/**
 * Policy: what is declared holds for all rows. A constraint that is NOT VALID was never tested on those that were there before it, and one
 * that is NOT ENFORCED is tested on none.
 * https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-ADD-TABLE-CONSTRAINT
 */
const constraintNotValid: PhysicalRule<UnprovenConstraint, 'constraint-not-valid'> = ({
  resource,
  on,
  name,
  isOnDomain,
  kind,
  isEnforced,
}) => {
  const alter = `ALTER ${isOnDomain ? 'DOMAIN' : 'TABLE'} ${qualified(on).text}`;
  const constraint = identifier(name).text;
  return [
    {
      rule: 'constraint-not-valid',
      severity: isEnforced ? 'medium' : 'low',
      resource,
      summary: isEnforced
        ? `It is NOT VALID: rows of ${formatTableName(on)} that were there before it may break it.`
        : `It is NOT ENFORCED: any row of ${formatTableName(on)} may break it.`,
      evidence: { kind, isEnforced },
      remedy: isEnforced
        ? `Correct the rows that break it, and then \`${alter} VALIDATE CONSTRAINT ${constraint};\``
        : `Declare the same as a rule of this audit; or \`${alter} ALTER CONSTRAINT ${constraint} ENFORCED;\``,
    },
  ];
};

/**
 * Policy: a transaction that is prepared is ended soon. Until then it holds its locks and keeps vacuum from cleaning up, even over a
 * restart of the server. https://www.postgresql.org/docs/current/sql-prepare-transaction.html
 */
const preparedTransactionForgotten: PhysicalRule<PreparedTransactionFacts, 'prepared-transaction-forgotten'> = (
  prepared,
  { settings, now },
) => {
  const { resource, gid, database, owner, preparedAt, transactionAge } = prepared;
  // Two clocks are compared.
  const minutes = Math.max(0, (now.getTime() - preparedAt.getTime()) / minuteMs);
  if (minutes < settings.preparedTransactionMinutes) return [];
  const literal = escapeLiteral(gid);
  return [
    {
      rule: 'prepared-transaction-forgotten',
      severity: 'high',
      resource,
      summary: `It has been prepared for ${durationText(minutes)}, and holds its locks in ${database}.`,
      evidence: { database, owner, preparedAt: preparedAt.toISOString(), transactionAge },
      remedy: `Ask its transaction manager what became of it; then \`COMMIT PREPARED ${literal};\` or \`ROLLBACK PREPARED ${literal};\``,
    },
  ];
};

/**
 * Policy: who audits cannot change anything. Caretaker only reads, in transactions that are read-only; the password of its role can do all
 * that the role may. https://www.postgresql.org/docs/current/predefined-roles.html
 */
const auditRoleCanWrite: PhysicalRule<RoleFacts, 'audit-role-can-write'> = (role) => {
  const { resource, name, isSuperuser, attributes, memberships } = role;
  const rights = isSuperuser
    ? ['is a superuser']
    : [
        ...memberships.map((member) => `is a member of ${member}`),
        ...attributes.map((attribute) => `has ${attribute}`),
        ...(role.writableTables === 0 ? [] : [`may change ${tables(role.writableTables)}`]),
        ...(role.schemasToCreateIn.length === 0 ? [] : [`may create in ${schemas(role.schemasToCreateIn)}`]),
        ...(role.mayCreateSchemas ? ['may create schemas'] : []),
      ];
  if (rights.length === 0) return [];
  return [
    {
      rule: 'audit-role-can-write',
      severity: 'medium',
      resource,
      summary: `The role that audits it, ${name}, ${rights.join(', ')}.`,
      evidence: {
        role: name,
        rights,
        writableTables: role.writableTables,
        ...(role.writableTableExamples.length === 0 ? {} : { examples: [...role.writableTableExamples] }),
      },
      remedy:
        'Audit with a role of its own that is a member of pg_read_all_data and pg_monitor and of nothing else; before ' +
        'PostgreSQL 15, also `REVOKE CREATE ON SCHEMA public FROM PUBLIC;`',
    },
  ];
};

function tables(count: number): string {
  return count === 1 ? '1 table' : `${count} tables`;
}

function schemas(names: readonly string[]): string {
  return names.length === 1 ? `the schema ${names[0]}` : `${names.length} schemas`;
}

export const constraintRules = { 'constraint-not-valid': constraintNotValid };
export const preparedTransactionRules = { 'prepared-transaction-forgotten': preparedTransactionForgotten };
export const roleRules = { 'audit-role-can-write': auditRoleCanWrite };
