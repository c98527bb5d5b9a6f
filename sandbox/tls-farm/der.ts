/**
 * The few ASN.1 types in DER (ITU-T X.690) that an X.509 certificate consists of. A writer of our own, because the farm
 * needs certificates that a correct library refuses to make: times that RFC 5280 forbids, negative serial numbers, MD5.
 */

const universal = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  sequence: 0x30,
  set: 0x31,
  utcTime: 0x17,
  generalizedTime: 0x18,
} as const;

function lengthOctets(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return Buffer.of(0x80 | octets.length, ...octets);
}

function tagged(tag: number, ...contents: readonly Buffer[]): Buffer {
  const length = contents.reduce((sum, content) => sum + content.length, 0);
  return Buffer.concat([Buffer.of(tag), lengthOctets(length), ...contents]);
}

/** SEQUENCE of the given elements, in their order. */
export function sequence(...elements: readonly Buffer[]): Buffer {
  return tagged(universal.sequence, ...elements);
}

/** SET of one element, the only kind that a name needs: a larger one would have to be sorted. */
export function setOf(element: Buffer): Buffer {
  return tagged(universal.set, element);
}

/** BOOLEAN TRUE; FALSE never appears, because DER leaves out a DEFAULT. */
export function booleanTrue(): Buffer {
  return tagged(universal.boolean, Buffer.of(0xff));
}

/** INTEGER in the shortest two's complement form, so that a negative number is negative on the wire. */
export function integer(value: bigint): Buffer {
  const octets: number[] = [];
  let rest = value;
  do {
    octets.unshift(Number(BigInt.asUintN(8, rest)));
    rest >>= 8n;
  } while (rest !== 0n && rest !== -1n);
  const isNegative = value < 0n;
  const highBit = ((octets[0] ?? 0) & 0x80) !== 0;
  if (highBit !== isNegative) octets.unshift(isNegative ? 0xff : 0x00);
  return tagged(universal.integer, Buffer.from(octets));
}

/** OBJECT IDENTIFIER from its dotted form. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...arcs] = dotted.split('.').map(Number);
  const octets = [first * 40 + second];
  for (const arc of arcs) {
    const septets = [arc & 0x7f];
    for (let rest = arc >>> 7; rest > 0; rest >>>= 7) septets.unshift(0x80 | (rest & 0x7f));
    octets.push(...septets);
  }
  return tagged(universal.objectIdentifier, Buffer.from(octets));
}

/** BIT STRING; `unusedBits` is how many bits of the last octet do not count. */
export function bitString(content: Buffer, unusedBits = 0): Buffer {
  return tagged(universal.bitString, Buffer.of(unusedBits), content);
}

/** OCTET STRING. */
export function octetString(content: Buffer): Buffer {
  return tagged(universal.octetString, content);
}

/** UTF8String. */
export function utf8String(text: string): Buffer {
  return tagged(universal.utf8String, Buffer.from(text, 'utf8'));
}

/** UTCTime with exactly this text, right or wrong. */
function utcTime(text: string): Buffer {
  return tagged(universal.utcTime, Buffer.from(text, 'latin1'));
}

/** GeneralizedTime with exactly this text, right or wrong. */
export function generalizedTime(text: string): Buffer {
  return tagged(universal.generalizedTime, Buffer.from(text, 'latin1'));
}

/** Context-specific constructed type `[number]`, around whole elements. */
export function contextConstructed(number: number, ...elements: readonly Buffer[]): Buffer {
  return tagged(0xa0 | number, ...elements);
}

/** Context-specific primitive type `[number]`, with bare content. */
export function contextPrimitive(number: number, content: Buffer): Buffer {
  return tagged(0x80 | number, content);
}

/**
 * A point in time in the form that RFC 5280, section 4.1.2.5, prescribes: UTCTime from 1950 through 2049,
 * GeneralizedTime otherwise, in whole seconds and UTC.
 */
export function certificateTime(time: Date): Buffer {
  const digits = time.toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  const year = time.getUTCFullYear();
  return year >= 1950 && year < 2050 ? utcTime(digits.slice(2)) : generalizedTime(digits);
}
