import * as z from 'zod';
import { isTimeZone } from './schedule/time-zone.ts';

const accountId = z.string().regex(/^\d{12}$/, 'an AWS account id has 12 digits');

/** An AWS account to look after; without a role, the account of the credentials that the run starts with. */
const accountSchema = z.strictObject({
  id: accountId,
  /** Role to assume in that account. */
  roleArn: z
    .string()
    .regex(/^arn:aws[a-z-]*:iam::\d{12}:role\/.+$/, 'not the ARN of an IAM role')
    .optional(),
  /** Given to sts:AssumeRole, against the confused deputy: https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html */
  externalId: z.string().min(2).max(1224).optional(),
});

export type EstateAccount = z.output<typeof accountSchema>;

/** What is looked after. An empty `accounts` means the account of the credentials that the run starts with. */
export const estateSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,30}$/, 'lower-case letters, digits and hyphens, at most 31 characters'),
  timeZone: z.string().refine(isTimeZone, 'not an IANA time zone such as America/New_York').default('UTC'),
  regions: z
    .array(z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'not an AWS region such as us-east-1'))
    .min(1, 'at least one region')
    .refine((regions) => new Set(regions).size === regions.length, 'a region is named twice')
    .default(['us-east-1']),
  accounts: z
    .array(accountSchema)
    .refine((accounts) => new Set(accounts.map(({ id }) => id)).size === accounts.length, 'an account is named twice')
    .default([]),
});

export type Estate = z.output<typeof estateSchema>;

/** Where functions that read databases run: subnets from which the databases and AWS can be reached. */
export const networkSchema = z.strictObject({
  subnetIds: z
    .array(z.string().regex(/^subnet-([0-9a-f]{8}|[0-9a-f]{17})$/, 'not a subnet id such as subnet-0a1b2c3d4e5f60718'))
    .min(1, 'at least one subnet'),
  securityGroupIds: z
    .array(z.string().regex(/^sg-([0-9a-f]{8}|[0-9a-f]{17})$/, 'not a security group id such as sg-0c3d4e5f60718293a'))
    .min(1, 'at least one security group'),
});

export type Network = z.output<typeof networkSchema>;

/** Who hears of results: e-mail addresses, and telephone numbers in E.164 form for SMS. */
export const alertsSchema = z.strictObject({
  email: z.array(z.email('not an e-mail address')).default([]),
  sms: z.array(z.string().regex(/^\+[1-9]\d{6,14}$/, 'not an E.164 telephone number such as +12125550123')).default([]),
  /** Where docs/runbook.md can be read, such as its page on GitHub: what mails and alarms link to. */
  runbookUrl: z.url({ protocol: /^https?$/, error: 'not an http(s) URL' }).optional(),
});

export type Alerts = z.output<typeof alertsSchema>;
