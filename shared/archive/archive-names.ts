import { randomBytes } from 'node:crypto';
import type { TableName } from '../postgres/sql.ts';

/** Digits of a sequence number in the name of a folder: so many archives are in the order of their names. */
const sequenceDigits = 8;

/** Returns what the keys of a policy's archives begin with, behind the prefix of the destination. */
export function policyFolder(policy: string): string {
  return `${policy}/`;
}

/** Returns what the keys of an archive begin with. */
export function archiveFolder(policy: string, sequence: number): string {
  return `${policyFolder(policy)}${String(sequence).padStart(sequenceDigits, '0')}/`;
}

export const manifestName = 'manifest.json';
export const completionName = 'completed.json';

export function manifestKey(policy: string, sequence: number): string {
  return `${archiveFolder(policy, sequence)}${manifestName}`;
}

export function completionKey(policy: string, sequence: number): string {
  return `${archiveFolder(policy, sequence)}${completionName}`;
}

/** @param number from 1 on. */
export function exclusionsKey(policy: string, sequence: number, number: number): string {
  return `${archiveFolder(policy, sequence)}exclusions-${number}.json`;
}

/** Returns the key of a file as the archive's manifest names it. */
export function fileKey(policy: string, sequence: number, name: string): string {
  return `${archiveFolder(policy, sequence)}${name}`;
}

/**
 * Returns a name for one attempt at writing an archive's files. What a process that was given up writes late stands
 * under its own name, and never in the place of what a manifest names.
 */
export function newAttempt(): string {
  return randomBytes(8).toString('hex');
}

/** Returns the name of a table's file, behind the archive's folder: `4f0c…/public.listens.copy.zst`. */
export function copyFileName(attempt: string, table: TableName): string {
  return `${attempt}/${tableFile(table)}.copy.zst`;
}

/** Returns the name of a table's copy for queries, behind the archive's folder. */
export function parquetFileName(attempt: string, table: TableName): string {
  return `${attempt}/${tableFile(table)}.parquet`;
}

/** What a key below a policy's folder belongs to. */
export interface ArchiveKey {
  readonly sequence: number;
  /** Behind the archive's folder. */
  readonly name: string;
}

/** Returns the parts of a key; undefined for one that is of no archive of this policy. */
export function parseArchiveKey(policy: string, key: string): ArchiveKey | undefined {
  const folder = policyFolder(policy);
  if (!key.startsWith(folder)) return undefined;
  const [, digits, name] = /^(\d{8})\/(.+)$/s.exec(key.slice(folder.length)) ?? [];
  if (digits === undefined || name === undefined || Number(digits) < 1) return undefined;
  return { sequence: Number(digits), name };
}

/** Returns the number of a document of exclusions; undefined for the name of something else. */
export function exclusionsNumber(name: string): number | undefined {
  const digits = /^exclusions-([1-9]\d{0,8})\.json$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/**
 * A dot divides the two, and whatever is no letter, digit, `_` or `-` in them is written as its UTF-8 bytes: no two
 * tables share a name.
 */
function tableFile({ schema, name }: TableName): string {
  return [schema, name].map(escapeName).join('.');
}

function escapeName(name: string): string {
  return [...Buffer.from(name)].map((byte) => escapeByte(byte)).join('');
}

function escapeByte(byte: number): string {
  const character = String.fromCharCode(byte);
  return /[A-Za-z0-9_-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}
