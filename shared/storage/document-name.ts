const part = /^[A-Za-z0-9._-]+$/;

/**
 * Returns `name` when it can be that of a document in a state store: letters, digits, `-`, `_` and `.`, in parts divided by `/`, none
 * of which is `.` or `..`, so that no name leads out of a store's folder.
 *
 * @throws TypeError when it cannot.
 */
export function documentName(name: string): string {
  const isGood = name.split('/').every((text) => part.test(text) && text !== '.' && text !== '..');
  if (!isGood) throw new TypeError(`${JSON.stringify(name)} is not the name of a document`);
  return name;
}
