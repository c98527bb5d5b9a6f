export { task as certificateExpiry } from './certificate-expiry/task.ts';
