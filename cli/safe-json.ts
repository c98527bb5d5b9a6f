/** Returns a value as JSON for a terminal: JSON leaves the C1 control characters as they are, and a terminal may act on them. */
export function safeJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(
    /[\u007f-\u009f]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
