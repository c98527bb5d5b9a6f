import { documentName } from '../storage/document-name.ts';

/** More than that many entries the names of a chain cannot count. */
const maximumSequence = 99_999_999;

const ofEntry = /^(.+)\/(\d{8})\.json$/;

/** Returns where the entries of a chain are. @throws TypeError when it cannot be the name of a chain. */
export function chainPrefix(chain: string): string {
  return `${documentName(chain)}/`;
}

/**
 * Returns the name of an entry's document: `data-purge/sessions/00000017.json`. Their order is that of the entries. Sequence 0 is what
 * all entries are behind.
 */
export function entryName(chain: string, sequence: number): string {
  if (sequence > maximumSequence) throw new RangeError(`the ledger ${chain} is full`);
  return `${chainPrefix(chain)}${String(sequence).padStart(8, '0')}.json`;
}

/** Returns of which chain and which place in it a document is; undefined for one that is no entry. */
export function parseEntryName(name: string): { readonly chain: string; readonly sequence: number } | undefined {
  const [, chain, digits] = ofEntry.exec(name) ?? [];
  const sequence = Number(digits);
  return chain === undefined || sequence === 0 ? undefined : { chain, sequence };
}
