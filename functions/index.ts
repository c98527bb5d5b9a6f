export { task as backupIntegrity } from './backup-integrity/task.ts';
export { task as certificateExpiry } from './certificate-expiry/task.ts';
export { task as integrityAudit } from './integrity-audit/task.ts';
