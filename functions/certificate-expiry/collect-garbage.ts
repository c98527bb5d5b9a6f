import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: (() => void) | undefined;

/**
 * Collects garbage now, which takes some tens of milliseconds.
 *
 * OpenSSL keeps about 10 KB for each certificate of a handshake where V8 does not see it: as far as V8 knows there is no
 * garbage, and the memory of a scan of ten thousand endpoints would double before it looks. Measured by
 * `npm run bench -- certificates`.
 */
export function collectGarbage(): void {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
    // Code that is loaded later has no business with it.
    setFlagsFromString('--no-expose-gc');
  }
  collect();
}
