/**
 * Compares two object keys as S3 orders them, by the bytes of their UTF-8: negative when `a` comes first. JavaScript's own order,
 * by UTF-16 code units, puts characters above U+FFFF before those from U+E000 on.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/ListingKeysUsingAPIs.html
 */
export function compareKeys(a: string, b: string): number {
  if (a === b) return 0;
  const shared = Math.min(a.length, b.length);
  for (let index = 0; index < shared; index++) {
    const x = a.charCodeAt(index);
    const y = b.charCodeAt(index);
    if (x === y) continue;
    const bothHigh = x >= firstSurrogate && y >= firstSurrogate;
    return bothHigh ? inUtf8Order(x) - inUtf8Order(y) : x - y;
  }
  return a.length - b.length;
}

const firstSurrogate = 0xd800;
const afterSurrogates = 0xe000;

/** Moves the surrogates, which stand for what is above U+FFFF, behind the other code units. */
function inUtf8Order(unit: number): number {
  return unit >= afterSurrogates ? unit - firstSurrogate : unit + afterSurrogates;
}
