import { UncheckedError } from '../unchecked-error.ts';
import type { ControlStore } from './control-store.ts';

/** Returns what the text of a stored document says. @throws UncheckedError `bad-control-document` where it is not JSON. */
export function parseDocument(key: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UncheckedError(
      'bad-control-document',
      `What is kept under ${key} is not JSON: somebody has written it by hand.`,
      {
        cause,
      },
    );
  }
}

/**
 * Returns what is kept under a key, and null for what is not JSON: something is there, and it is none of what could be expected.
 *
 * @throws what the store throws otherwise.
 */
export async function readReadable(control: Pick<ControlStore, 'read'>, key: string): Promise<unknown> {
  try {
    return await control.read(key);
  } catch (error) {
    if (error instanceof UncheckedError && error.reason === 'bad-control-document') return null;
    throw error;
  }
}
