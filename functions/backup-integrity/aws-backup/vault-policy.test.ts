import { describe, expect, it } from 'vitest';
import { vaultAccess } from './vault-policy.ts';

const guarded = [
  'backup:DeleteRecoveryPoint',
  'backup:UpdateRecoveryPointLifecycle',
  'backup:PutBackupVaultAccessPolicy',
];

const access = (...statements: object[]) =>
  vaultAccess(JSON.stringify({ Version: '2012-10-17', Statement: statements }));
const allow = (details: object) => ({ Effect: 'Allow', Principal: '*', Resource: '*', ...details });
const deny = (details: object = {}) => ({ Effect: 'Deny', Principal: '*', Action: guarded, Resource: '*', ...details });

describe('what somebody is allowed', () => {
  it.each([
    ['the action', { Action: 'backup:DeleteRecoveryPoint' }, ['backup:DeleteRecoveryPoint']],
    [
      'it among others',
      { Action: ['backup:StartRestoreJob', 'backup:DeleteBackupVault'] },
      ['backup:DeleteBackupVault'],
    ],
    ['a pattern', { Action: 'backup:DeleteRecovery*' }, ['backup:DeleteRecoveryPoint']],
    ['in other case', { Action: 'Backup:deleteRecoveryPoint' }, ['backup:DeleteRecoveryPoint']],
    ['nothing of the kind', { Action: ['backup:StartRestoreJob', 'backup:CopyIntoBackupVault'] }, []],
    ['another service', { Action: 'rds:DeleteDBSnapshot' }, []],
  ])('by %s', (_, details, expected) => {
    expect(access(allow(details)).allowed).toEqual(expected);
  });

  it('is everything by a wildcard, and by an Allow of all but something', () => {
    expect(access(allow({ Action: '*' })).allowed).toHaveLength(7);
    expect(access(allow({ NotAction: 'backup:DeleteRecoveryPoint' })).allowed).not.toContain(
      'backup:DeleteRecoveryPoint',
    );
    expect(access(allow({ NotAction: 'backup:DeleteRecoveryPoint' })).allowed).toContain('backup:DeleteBackupVault');
  });

  it('names who is, and calls everybody by a star', () => {
    const to = (Principal: unknown) => access(allow({ Action: '*', Principal })).allowedTo;
    expect(to('*')).toEqual(['*']);
    expect(to({ AWS: '*' })).toEqual(['*']);
    expect(to({ AWS: ['arn:aws:iam::123456789012:role/admin', '210987654321'] })).toHaveLength(2);
    expect(to({ Service: 'backup.amazonaws.com' })).toEqual([]);
    expect(access({ Effect: 'Allow', NotPrincipal: { AWS: 'x' }, Action: '*', Resource: '*' }).allowedTo).toEqual([
      '*',
    ]);
  });

  it('is nothing that everybody is denied', () => {
    const everything = allow({ Action: '*' });
    expect(access(everything, deny()).allowed).not.toContain('backup:DeleteRecoveryPoint');
    expect(access(everything, deny({ Action: 'backup:*' })).allowed).toEqual([]);
  });
});

describe('what is not denied to everybody', () => {
  it('is everything without a policy, and nothing with the one that AWS Config asks for', () => {
    expect(vaultAccess(undefined)).toEqual({ allowed: [], allowedTo: [], notDenied: guarded, sharedWith: [] });
    expect(access(deny()).notDenied).toEqual([]);
    expect(vaultAccess(JSON.stringify({ Statement: deny({ Principal: { AWS: ['*'] } }) })).notDenied).toEqual([]);
  });

  it('may be denied by several statements', () => {
    expect(access(...guarded.map((Action) => deny({ Action }))).notDenied).toEqual([]);
    expect(access(deny({ Action: guarded.slice(0, 2) })).notDenied).toEqual(guarded.slice(2));
    expect(access(deny({ Action: undefined, NotAction: 'backup:StartBackupJob' })).notDenied).toEqual([]);
  });

  it.each([
    ['to a role', { Principal: { AWS: 'arn:aws:iam::123456789012:role/intern' } }],
    ['for some of what is in it', { Resource: 'arn:aws:ec2:us-east-1::snapshot/*' }],
    ['without MFA', { Condition: { Bool: { 'aws:MultiFactorAuthPresent': 'false' } } }],
    ['for some users', { Condition: { StringEquals: { 'aws:userid': ['AIDA1'] } } }],
  ])('is what is denied only %s', (_, details) => {
    expect(access(deny(details)).notDenied).toEqual(guarded);
  });

  it('is not what is denied to all but a few', () => {
    const Condition = { ArnNotLike: { 'aws:PrincipalArn': 'arn:aws:iam::123456789012:role/break-glass' } };
    expect(access(deny({ Condition })).notDenied).toEqual([]);
    expect(
      access(deny({ Principal: undefined, NotPrincipal: { AWS: 'arn:aws:iam::123456789012:root' } })).notDenied,
    ).toEqual([]);
  });
});

describe('who may copy into the vault', () => {
  const Action = 'backup:CopyIntoBackupVault';

  it.each<[string, object, string[]]>([
    ['anybody', {}, ['*']],
    ['an account', { Principal: { AWS: 'arn:aws:iam::210987654321:root' } }, ['210987654321']],
    ['an account by its number', { Principal: { AWS: ['210987654321'] } }, ['210987654321']],
    ['the organization', { Condition: { StringEquals: { 'aws:PrincipalOrgID': 'o-1' } } }, []],
    ['a part of it', { Condition: { 'ForAnyValue:StringLike': { 'aws:PrincipalOrgPaths': ['o-1/r-1/*'] } } }, []],
    ['any organization', { Condition: { StringLike: { 'aws:PrincipalOrgID': '*' } } }, ['*']],
    ['all but an organization', { Condition: { StringNotEquals: { 'aws:PrincipalOrgID': 'o-1' } } }, ['*']],
    [
      'an account by condition',
      { Condition: { StringEquals: { 'aws:PrincipalAccount': '210987654321' } } },
      ['210987654321'],
    ],
    ['only with MFA, but anybody', { Condition: { Bool: { 'aws:MultiFactorAuthPresent': 'true' } } }, ['*']],
  ])('%s', (_, details, expected) => {
    expect(access(allow({ Action, ...details })).sharedWith).toEqual(expected);
  });

  it('is nobody where everybody is denied it', () => {
    expect(access(allow({ Action }), deny({ Action })).sharedWith).toEqual([]);
  });
});

it.each(['', 'null', '{}', '{"Statement":[{"Effect":"Perhaps"}]}', '{"Statement":"all"}', 'Allow *'])(
  'a policy that cannot be understood is not taken for a good one: %s',
  (policy) => {
    expect(() => vaultAccess(policy)).toThrow(/unreadable-policy/);
  },
);
