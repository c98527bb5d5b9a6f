/**
 * Returns a test for `pattern`, case-insensitive over the whole text: `*` stands for any run of characters, `?` for one.
 * Unlike a file glob, `*` crosses `/`, because ARNs are full of them. Takes at most pattern × text steps, so that no
 * pattern can hang a run as a backtracking regular expression could.
 */
export function glob(pattern: string): (text: string) => boolean {
  const wanted = [...pattern.toLowerCase()];
  return (text) => matches(wanted, [...text.toLowerCase()]);
}

function matches(wanted: readonly string[], text: readonly string[]): boolean {
  let at = 0;
  let starAt = -1;
  let resumeAt = 0;
  for (let position = 0; position < text.length; ) {
    if (wanted[at] === '*') {
      starAt = at++;
      resumeAt = position;
    } else if (at < wanted.length && (wanted[at] === '?' || wanted[at] === text[position])) {
      at++;
      position++;
    } else if (starAt >= 0) {
      // The last star has to swallow one character more; no earlier star can do better.
      at = starAt + 1;
      position = ++resumeAt;
    } else {
      return false;
    }
  }
  while (wanted[at] === '*') at++;
  return at === wanted.length;
}
