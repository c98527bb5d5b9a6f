const blockBytes = 512;

/** Returns a tar archive of small files as POSIX has it, with the two blocks of zeros at its end. */
export function tarArchive(files: Readonly<Record<string, Buffer | string>>, modifiedAt: Date): Buffer {
  const members = Object.entries(files).flatMap(([name, content]) => {
    const bytes = Buffer.from(content);
    const padding = Buffer.alloc(Math.ceil(bytes.length / blockBytes) * blockBytes - bytes.length);
    return [headerOf(name, bytes.length, modifiedAt), bytes, padding];
  });
  return Buffer.concat([...members, Buffer.alloc(2 * blockBytes)]);
}

/** https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_06 */
function headerOf(name: string, size: number, modifiedAt: Date): Buffer {
  const header = Buffer.alloc(blockBytes);
  const octal = (value: number, at: number, digits: number) =>
    header.write(`${Math.floor(value).toString(8).padStart(digits, '0')}\0`, at, 'latin1');
  header.write(name, 0, 100, 'utf8');
  octal(0o644, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(size, 124, 11);
  octal(modifiedAt.getTime() / 1000, 136, 11);
  header.fill(' ', 148, 156, 'latin1');
  header.write('0', 156, 'latin1');
  header.write('ustar\0' + '00', 257, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}
