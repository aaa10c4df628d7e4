/** Matcher for agent ids: each `*` of a pattern stands for any characters, also none. Linear in the length of the id. */
export function idMatcher(patterns: Iterable<string>): (id: string) => boolean {
  const exact = new Set<string>();
  const wild: (readonly string[])[] = [];
  for (const pattern of patterns) {
    if (pattern.includes('*')) wild.push(pattern.split('*'));
    else exact.add(pattern);
  }
  return (id) => exact.has(id) || wild.some((parts) => matches(id, parts));
}

/** Finds the parts one after the other, each at its first place: with nothing but `*` between them that is enough. */
function matches(id: string, parts: readonly string[]): boolean {
  const first = parts[0] ?? '';
  const last = parts.at(-1) ?? '';
  if (id.length < first.length + last.length || !id.startsWith(first) || !id.endsWith(last)) return false;
  let at = first.length;
  const end = id.length - last.length;
  for (const part of parts.slice(1, -1)) {
    const found = id.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
