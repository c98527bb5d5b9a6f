/**
 * Returns whether `text` is what `pattern` describes, in which `*` stands for any run of characters, none included. Case counts, as
 * it does in AWS Backup's selections: https://docs.aws.amazon.com/aws-backup/latest/devguide/assigning-resources-json.html
 */
export function matchesWildcard(pattern: string, text: string): boolean {
  const [head = '', ...rest] = pattern.split('*');
  const tail = rest.pop();
  if (tail === undefined) return text === pattern;
  if (text.length < head.length + tail.length || !text.startsWith(head) || !text.endsWith(tail)) return false;
  const end = text.length - tail.length;
  let from = head.length;
  for (const part of rest) {
    const at = text.indexOf(part, from);
    if (at === -1 || at + part.length > end) return false;
    from = at + part.length;
  }
  return true;
}
