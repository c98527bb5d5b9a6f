/** `ada@laptop`, as a user of an operating system is called. */
const ofMachine = /^([^@/:]+)@[^/:]*$/;

/**
 * Returns whether two names of who did something may be the same person's. A user of one name on two machines is taken for one: the name
 * of a laptop changes from network to network, and may not make a second person of its owner.
 */
export function isSamePerson(one: string, other: string): boolean {
  return one === other || (userOf(one) !== undefined && userOf(one) === userOf(other));
}

function userOf(name: string): string | undefined {
  return ofMachine.exec(name)?.[1]?.toLowerCase();
}
