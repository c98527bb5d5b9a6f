import { createHash } from 'node:crypto';
import { canonicalJson, type Json } from './canonical-json.ts';

/** Returns the SHA-256 of a value's canonical JSON, in hexadecimal. */
export function sha256Of(value: Json): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}
