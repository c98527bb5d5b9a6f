import { hostname, userInfo } from 'node:os';

/** Returns who calls, for what is written down: `ada@laptop`. What the environment says of it does not count. */
export function operatingSystemUser(): string {
  return `${userName()}@${hostname()}`;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A user id without an entry in the system's list of users, as in a container.
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}
