/** A prefix of a list, rendered. */
export interface Taken {
  readonly texts: readonly string[];
  /** Their size in UTF-8, in bytes, each with one byte for what separates it from the next. */
  readonly bytes: number;
}

/**
 * Renders items in their order for as long as the results, each with a separator of one byte, fit into `maxBytes`: an
 * item is taken whole or not at all, and none is rendered after the first that does not fit.
 */
export function takeWithin<Item>(items: Iterable<Item>, maxBytes: number, render: (item: Item) => string): Taken {
  const texts: string[] = [];
  let bytes = 0;
  for (const item of items) {
    const text = render(item);
    const size = Buffer.byteLength(text) + 1;
    if (bytes + size > maxBytes) break;
    texts.push(text);
    bytes += size;
  }
  return { texts, bytes };
}

/**
 * Divides `maxBytes` between findings and what was not checked: a quarter is kept for the latter, so that many findings
 * cannot hide that something was not looked at, and either uses what the other leaves.
 */
export function shareRoom(
  maxBytes: number,
  takeFindings: (maxBytes: number) => Taken,
  takeUnchecked: (maxBytes: number) => Taken,
): { findings: Taken; unchecked: Taken } {
  const findings = takeFindings(maxBytes - takeUnchecked(maxBytes / 4).bytes);
  return { findings, unchecked: takeUnchecked(maxBytes - findings.bytes) };
}
