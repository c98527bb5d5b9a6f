/** Returns a number of things for people: `1 row`, `1,200 rows`. */
export function amount(count: number, thing: string): string {
  return `${count.toLocaleString('en-US')} ${thing}${count === 1 ? '' : 's'}`;
}
