/** Fault of a minimal proxy. */
export interface ProxyFault {
  readonly fault: string;
  /** Check that detects it. */
  readonly check: string;
  /** Part of the reason that the check gives. */
  readonly words: string;
  /** Further checks that always detect it. */
  readonly also?: readonly string[];
  /** Checks that are skipped for such a proxy. */
  readonly skipped?: readonly string[];
  /** Set when other checks detect it only at some timings. */
  readonly isRacy?: boolean;
}

/** Faults of a minimal proxy; every check of a proxy has at least one. */
export const PROXY_FAULTS: readonly ProxyFault[] = [
  { fault: 'no-method', check: 'proxy-head', words: 'method is not a string' },
  { fault: 'no-query', check: 'proxy-head', words: 'its uri is "/head"' },
  { fault: 'no-metadata', check: 'proxy-head', words: 'metadata.client_ip is not a string' },
  { fault: 'query-asked-twice', check: 'proxy-head', words: '2 heads came' },
  { fault: 'unexpected-type', check: 'proxy-known-types', words: 'type 0x66 came' },
  { fault: 'agents-type', check: 'proxy-known-types', words: 'type 0x41 came' },
  { fault: 'not-agreed', check: 'proxy-known-types', words: 'type 0x14 came' },
  { fault: 'more-after-block', check: 'proxy-block', words: 'a responseHeaders followed' },
  { fault: 'blocks-are-403', check: 'proxy-block', words: 'the client got 403', also: ['proxy-routing'] },
  {
    fault: 'no-response-headers',
    check: 'proxy-response-headers',
    words: 'it did not come',
    skipped: ['proxy-doubled-answer', 'proxy-one-connection', 'proxy-response-body'],
  },
  { fault: 'response-elsewhere', check: 'proxy-one-connection', words: 'came on other connections' },
  { fault: 'ids-shared', check: 'proxy-ids-unique', words: 'they have 16 ids' },
  { fault: 'answers-in-order', check: 'proxy-routing', words: 'got 439, 438, 437' },
  { fault: 'body-always', check: 'proxy-body-unasked', words: 'a chunk came' },
  { fault: 'body-never', check: 'proxy-body', words: 'no chunk came', also: ['proxy-body-block'] },
  { fault: 'chunk-index-one', check: 'proxy-body', words: 'the indexes are 1,2' },
  { fault: 'chunk-no-last', check: 'proxy-body', words: 'the last chunk is not marked' },
  { fault: 'chunk-empty', check: 'proxy-body', words: 'not those of the body' },
  { fault: 'chunk-elsewhere', check: 'proxy-body', words: 'a chunk came on another connection' },
  { fault: 'response-body-lost', check: 'proxy-response-body', words: 'saw 4 bytes, the client got 0' },
  { fault: 'chunk-block-lost', check: 'proxy-body-block', words: 'the client got 200' },
  { fault: 'no-pong', check: 'proxy-pong', words: 'no pong came' },
  { fault: 'pong-empty', check: 'proxy-pong', words: 'it says {}' },
  { fault: 'unknown-closes', check: 'proxy-unknown-type', words: 'a connection was closed for it' },
  { fault: 'any-id', check: 'proxy-strange-answer', words: 'not its own' },
  { fault: 'broken-closes', check: 'proxy-broken-answer', words: 'other requests failed with it' },
  { fault: 'broken-allows', check: 'proxy-broken-answer', words: 'taken for an allow' },
  { fault: 'broken-hangs', check: 'proxy-broken-answer', words: 'its client got no answer' },
  { fault: 'wrong-direction-decides', check: 'proxy-wrong-direction', words: 'taken for the answer' },
  {
    fault: 'second-answer-next',
    check: 'proxy-doubled-answer',
    words: 'the answer to the response',
    also: ['proxy-strange-answer'],
  },
  {
    fault: 'late-answer-next',
    check: 'proxy-late-answer',
    words: 'another request got it',
    also: ['proxy-strange-answer'],
  },
  { fault: 'half-close-hangs', check: 'proxy-half-close', words: 'got no answer', also: ['proxy-death-mid-request'] },
  { fault: 'wrong-direction-sticks', check: 'proxy-wrong-direction', words: 'do not get through' },
  { fault: 'no-limit', check: 'proxy-oversize', words: 'stays open' },
  { fault: 'death-hangs', check: 'proxy-death-mid-request', words: 'got no answer' },
  { fault: 'no-cancel', check: 'proxy-cancel', words: 'no cancel came' },
  { fault: 'no-name', check: 'proxy-handshake', words: 'client_name is missing' },
  {
    fault: 'impatient',
    check: 'proxy-waits',
    words: 'an event came before the answer',
    also: ['proxy-refused', 'proxy-version'],
    isRacy: true,
  },
  { fault: 'handshake-in-one', check: 'proxy-waits', words: 'after an answer in pieces' },
  {
    fault: 'never-back',
    check: 'proxy-heals',
    words: 'do not get through',
    skipped: ['proxy-waits', 'proxy-refused', 'proxy-version'],
  },
  { fault: 'refusal-ignored', check: 'proxy-refused', words: 'a head was sent all the same' },
  { fault: 'refusal-final', check: 'proxy-refused', words: 'does not ask again' },
  { fault: 'any-version', check: 'proxy-version', words: 'a head was sent all the same' },
  { fault: 'version-final', check: 'proxy-version', words: 'does not ask again' },
];
