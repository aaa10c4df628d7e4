/** Names that look like a word of `vary` and are none, each with what to write instead; docs/wire.md, "Decisions that may be cached". */
const NEAR_WORDS: ReadonlyMap<string, string> = new Map([
  ...['uri', 'url'].map((name) => [name, 'write path and query'] as const),
  ['pathname', 'write path'],
  ['querystring', 'write query'],
  ...['client_ip', 'clientip', 'ip', 'remote_addr'].map((name) => [name, 'write client'] as const),
  ...['servername', 'sni'].map((name) => [name, 'write server_name'] as const),
  ...['route_id', 'routeid'].map((name) => [name, 'write route'] as const),
  ['headers', 'name each header'],
  ['body', 'a decision that depends on a body cannot be cached'],
  ['*', 'name all that the decision depends on, or do not cache it'],
]);

/**
 * Returns what to write instead of a name in `vary` that can only be meant as a word: as the name of a header, which no request has, it
 * would let a decision count for all requests. `undefined` for words and names of headers.
 */
export function nearVaryWord(name: string): string | undefined {
  return NEAR_WORDS.get(name.toLowerCase());
}
