/** One way in which an upstream answers and ends. */
export interface Ending {
  readonly name: string;
  readonly method?: 'GET' | 'HEAD' | 'POST';
  /**
   * Result for a client that reads everything: the whole body, no body (`empty`), or a failure (502, or a response that is
   * cut). `any`: whole or a failure, where the upstream's answer is ambiguous.
   */
  readonly sees: 'whole' | 'empty' | 'failure' | 'any';
  readonly status?: number;
  /** End of the connection after what was sent; kept alive by default. */
  readonly end?: 'FIN' | 'RST';
  /** All that is sent. */
  parts(body: Buffer): (string | Uint8Array)[];
}

const head = (...lines: string[]): string => `${lines.join('\r\n')}\r\n\r\n`;
const OK = 'HTTP/1.1 200 OK';
const OLD = 'HTTP/1.0 200 OK';
const CLOSE = 'Connection: close';
const CHUNKED = 'Transfer-Encoding: chunked';
const LAST = '0\r\n\r\n';
const NOT_MODIFIED = 'HTTP/1.1 304 Not Modified';
const length = (body: Uint8Array, more = 0): string => `Content-Length: ${body.length + more}`;
const half = (body: Buffer): Buffer => body.subarray(0, body.length >> 1);
const rest = (body: Buffer): Buffer => body.subarray(body.length >> 1);
const size = (body: Buffer): string => `${body.length.toString(16)}\r\n`;
const chunk = (body: Buffer): Buffer => Buffer.concat([Buffer.from(size(body)), body, Buffer.from('\r\n')]);

/** Ways in which an upstream answers and ends its connection, good and bad. */
export const ENDINGS: readonly Ending[] = [
  { name: 'length, kept alive', sees: 'whole', parts: (b) => [head(OK, length(b)), b] },
  { name: 'length, then FIN', sees: 'whole', end: 'FIN', parts: (b) => [head(OK, length(b)), b] },
  { name: 'length, close announced', sees: 'whole', end: 'FIN', parts: (b) => [head(OK, length(b), CLOSE), b] },
  { name: 'length, then RST', sees: 'any', end: 'RST', parts: (b) => [head(OK, length(b)), b] },
  { name: 'HTTP/1.0 to the end', sees: 'whole', end: 'FIN', parts: (b) => [head(OLD), b] },
  { name: 'HTTP/1.0 with length', sees: 'whole', end: 'FIN', parts: (b) => [head(OLD, length(b)), b] },
  { name: 'HTTP/1.0 kept alive', sees: 'whole', parts: (b) => [head(OLD, length(b), 'Connection: keep-alive'), b] },
  { name: 'HTTP/1.0, then RST', sees: 'failure', end: 'RST', parts: (b) => [head(OLD), half(b)] },
  { name: 'to the end', sees: 'whole', end: 'FIN', parts: (b) => [head(OK), b] },
  { name: 'to the end, close announced', sees: 'whole', end: 'FIN', parts: (b) => [head(OK, CLOSE), b] },
  { name: 'to the end, then RST', sees: 'failure', end: 'RST', parts: (b) => [head(OK, CLOSE), half(b)] },
  { name: 'chunked', sees: 'whole', parts: (b) => [head(OK, CHUNKED), chunk(b), LAST] },
  { name: 'chunked, then FIN', sees: 'whole', end: 'FIN', parts: (b) => [head(OK, CHUNKED), chunk(b), LAST] },
  {
    name: 'chunked, close announced',
    sees: 'whole',
    end: 'FIN',
    parts: (b) => [head(OK, CHUNKED, CLOSE), chunk(b), LAST],
  },
  { name: 'two chunks', sees: 'whole', parts: (b) => [head(OK, CHUNKED), chunk(half(b)), chunk(rest(b)), LAST] },
  {
    name: 'chunked with trailers',
    sees: 'whole',
    parts: (b) => [head(OK, CHUNKED, 'Trailer: x-sum'), chunk(b), '0\r\nx-sum: 1\r\n\r\n'],
  },
  {
    name: 'FIN within a chunk',
    sees: 'failure',
    end: 'FIN',
    parts: (b) => [head(OK, CHUNKED), size(b), half(b)],
  },
  {
    name: 'FIN within a chunk, close announced',
    sees: 'failure',
    end: 'FIN',
    parts: (b) => [head(OK, CHUNKED, CLOSE), size(b), half(b)],
  },
  { name: 'FIN between chunks', sees: 'failure', end: 'FIN', parts: (b) => [head(OK, CHUNKED), chunk(b)] },
  {
    name: 'FIN within the last chunk, close announced',
    sees: 'failure',
    end: 'FIN',
    parts: (b) => [head(OK, CHUNKED, CLOSE), chunk(b), '0\r\n'],
  },
  { name: 'RST between chunks', sees: 'failure', end: 'RST', parts: (b) => [head(OK, CHUNKED), chunk(half(b))] },
  { name: 'a chunk size that is none', sees: 'failure', parts: (b) => [head(OK, CHUNKED), chunk(half(b)), 'zz\r\n'] },
  { name: 'less than its length', sees: 'failure', end: 'FIN', parts: (b) => [head(OK, length(b, 1)), b] },
  {
    name: 'less than its length, close announced',
    sees: 'failure',
    end: 'FIN',
    parts: (b) => [head(OK, length(b, 1), CLOSE), b],
  },
  { name: 'less than its length, RST', sees: 'failure', end: 'RST', parts: (b) => [head(OK, length(b, 1), CLOSE), b] },
  {
    name: 'more than its length',
    sees: 'any',
    parts: (b) => [head(OK, length(b)), b, head(OK, 'Content-Length: 6'), 'stolen'],
  },
  { name: '204', sees: 'empty', status: 204, parts: () => [head('HTTP/1.1 204 No Content')] },
  { name: '204 with a body', sees: 'empty', status: 204, parts: (b) => [head('HTTP/1.1 204 No', length(b)), b] },
  { name: '304 with a length', sees: 'empty', status: 304, parts: (b) => [head(NOT_MODIFIED, length(b))] },
  {
    name: '304 with a length, then FIN',
    sees: 'empty',
    status: 304,
    end: 'FIN',
    parts: (b) => [head(NOT_MODIFIED, length(b), CLOSE)],
  },
  { name: '304 with a body', sees: 'empty', status: 304, parts: (b) => [head(NOT_MODIFIED, length(b)), b] },
  { name: 'HEAD', method: 'HEAD', sees: 'empty', parts: (b) => [head(OK, length(b))] },
  { name: 'HEAD with a body', method: 'HEAD', sees: 'empty', parts: (b) => [head(OK, length(b)), b] },
  { name: 'HEAD, then FIN', method: 'HEAD', sees: 'empty', end: 'FIN', parts: () => [head(OLD)] },
  { name: 'FIN before the head', sees: 'failure', end: 'FIN', parts: () => [] },
  { name: 'RST before the head', sees: 'failure', end: 'RST', parts: () => [] },
  { name: 'FIN within the head', sees: 'failure', end: 'FIN', parts: () => [`${OK}\r\nx-some: va`] },
  { name: 'FIN between head and body', sees: 'failure', end: 'FIN', parts: (b) => [head(OK, length(b))] },
  { name: 'RST between head and body', sees: 'failure', end: 'RST', parts: () => [head(OK, CHUNKED)] },
  { name: 'not HTTP', sees: 'failure', parts: () => ['SSH-2.0-server\r\n\r\n'] },
  {
    name: '103 before the head',
    sees: 'whole',
    parts: (b) => [head('HTTP/1.1 103 Early Hints', 'link: </a>'), head(OK, length(b)), b],
  },
  {
    name: '101 that was not requested',
    sees: 'failure',
    parts: (b) => [head('HTTP/1.1 101 Switching Protocols', 'Upgrade: x', 'Connection: upgrade'), b],
  },
  { name: 'length and chunked', sees: 'any', parts: (b) => [head(OK, length(b), CHUNKED), chunk(b), LAST] },
  { name: 'two lengths', sees: 'failure', parts: (b) => [head(OK, length(b), length(b, 1)), b] },
  { name: 'no body, close announced', sees: 'empty', end: 'FIN', parts: () => [head(OK, 'Content-Length: 0', CLOSE)] },
  {
    name: 'answered before the upload has ended',
    method: 'POST',
    sees: 'any',
    end: 'FIN',
    parts: (b) => [head(OK, length(b), CLOSE), b],
  },
];
