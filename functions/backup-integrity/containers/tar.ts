import { extract } from 'tar-stream';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { ByteReader } from './byte-reader.ts';
import { ContainerFault, type Contents, counted } from './verdict.ts';

const blockBytes = 512;

/** Archives from before POSIX have no magic. tar-stream's types do not know the option; its documentation does. */
const anyFormat: object = { allowUnknownFormat: true };

/**
 * Walks a tar archive to its end and returns how much is in it.
 *
 * The end is marked by blocks of zeros (POSIX asks for two, and every reader is content with one). An archive that was cut off
 * between two members looks whole without that mark.
 *
 * @throws ContainerFault when it is damaged, cut off or empty; UncheckedError for a variant that cannot be followed; and what
 *   `reader` throws.
 */
export async function walkTar(reader: ByteReader): Promise<Contents> {
  const walked = extract(anyFormat);
  let failure: { readonly error: unknown } | undefined;
  let total = 0;
  const feed = async () => {
    let wake = () => {};
    walked.on('drain', () => wake()).once('close', () => wake());
    try {
      for (;;) {
        const chunk = await reader.next();
        if (chunk === undefined || walked.destroyed) break;
        total += chunk.length;
        if (walked.write(chunk)) continue;
        await new Promise<void>((resolve) => {
          wake = resolve;
          // It may have ended before anybody could wait for it.
          if (walked.destroyed) resolve();
        });
      }
      walked.end(undefined);
    } catch (error) {
      failure = { error };
      walked.destroy();
    }
  };

  let entries = 0;
  let bytes = 0;
  let endOfLast = 0;
  let hasUnknownType = false;
  const fed = feed();
  try {
    for await (const entry of walked) {
      const { header } = entry;
      const size = header.type === 'directory' ? 0 : header.size;
      entries += 1;
      bytes += size;
      hasUnknownType ||= (header.type as unknown) === null;
      endOfLast = entry.offset + blockBytes + Math.ceil(size / blockBytes) * blockBytes;
      for await (const _ of entry);
    }
  } catch (error) {
    if (failure === undefined) throw damaged(error as Error, entries, hasUnknownType);
  } finally {
    walked.destroy();
    await fed;
  }
  if (failure !== undefined) throw failure.error;

  const members = `${counted(entries, 'member')} of ${counted(bytes, 'byte')} together`;
  if (total - endOfLast < blockBytes) {
    throw new ContainerFault(`is cut off: its end is not marked, behind ${counted(entries, 'member')}`);
  }
  if (entries === 0) throw new ContainerFault('is a tar archive without a single member');
  return { contents: members, madeAt: undefined };
}

function damaged(error: Error, entries: number, hasUnknownType: boolean): Error {
  const where = `behind ${counted(entries, 'member')}`;
  if (hasUnknownType) {
    // GNU's sparse files put further blocks behind the header, for instance, which only look like damage from here.
    return new UncheckedError(
      'cannot-look-inside',
      `The tar archive has members of an unknown kind (${error.message}).`,
    );
  }
  if (error.message === 'Unexpected end of data') {
    return new ContainerFault(`is cut off in the middle of a member or header, ${where}`, { cause: error });
  }
  return new ContainerFault(`is damaged: what must be a tar header is none, ${where}`, { cause: error });
}
