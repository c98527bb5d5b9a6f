export { task as backupIntegrity } from './backup-integrity/task.ts';
export { task as certificateExpiry } from './certificate-expiry/task.ts';
export { task as dataArchival } from './data-archival/task.ts';
export { task as dataPurge } from './data-purge/task.ts';
export { task as integrityAudit } from './integrity-audit/task.ts';
