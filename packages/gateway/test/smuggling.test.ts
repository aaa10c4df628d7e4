import { describe, expect, test } from 'vitest';
import { exchange } from './raw-client.ts';
import { setup } from './setup.ts';

const SECOND = 'GET /second HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n';
const CHUNKED = `0\r\n\r\n${SECOND}`;

/** Sends a request, byte for byte. @returns the answer, and the targets that the upstream was asked for */
async function send(text: string): Promise<{ readonly answer: string; readonly targets: readonly string[] }> {
  const targets: string[] = [];
  const { url } = await setup({}, { clientStallTimeoutMs: 200, requestHeadTimeoutMs: 200 }, (request, response) => {
    targets.push(request.url ?? '');
    request.on('error', () => undefined).resume();
    request.on('end', () => response.end('ok'));
  });
  return { answer: await exchange(url, text), targets };
}

describe('a head whose body two parsers would end at different places is refused', () => {
  const LENGTH = `content-length: ${CHUNKED.length}`;
  test.each<[string, string]>([
    ['both, chunked first', `transfer-encoding: chunked\r\n${LENGTH}`],
    ['a coding with a tab before it', `${LENGTH}\r\ntransfer-encoding:\tchunked`],
    ['a coding with a vertical tab', `${LENGTH}\r\ntransfer-encoding: \u000bchunked`],
    ['a coding with a form feed behind it', `${LENGTH}\r\ntransfer-encoding: chunked\u000c`],
    ['a coding with a NUL', `${LENGTH}\r\ntransfer-encoding: chunked\u0000`],
    ['a coding in quotes', `${LENGTH}\r\ntransfer-encoding: "chunked"`],
    ['an unknown coding', `${LENGTH}\r\ntransfer-encoding: xchunked`],
    ['identity', `${LENGTH}\r\ntransfer-encoding: identity`],
    ['an empty coding', `${LENGTH}\r\ntransfer-encoding:`],
    ['chunked twice', 'transfer-encoding: chunked, chunked'],
    ['chunked in two lines', 'transfer-encoding: chunked\r\ntransfer-encoding: chunked'],
    ['identity behind chunked', 'transfer-encoding: chunked\r\ntransfer-encoding: identity'],
    ['chunked with a parameter', 'transfer-encoding: chunked;q=1'],
    ['a coding behind a bare CR', `x-a: 1\rtransfer-encoding: chunked\r\n${LENGTH}`],
    ['a name with a NUL', `${LENGTH}\r\ntransfer-encoding\u0000: chunked`],
    ['a name with a tab', `${LENGTH}\r\ntransfer-encoding\t: chunked`],
    ['a line without a name', `${LENGTH}\r\n: chunked`],
    ['a line without a colon', `${LENGTH}\r\ntransfer-encoding chunked`],
    ['two equal lengths', 'content-length: 0\r\ncontent-length: 0'],
    ['a negative length', 'content-length: -1'],
    ['a length with a unit', 'content-length: 0x5'],
    ['a length with a point', 'content-length: 5.0'],
    ['a length with a space in it', 'content-length: 1 0'],
    ['an empty length', 'content-length:'],
    ['a length past 64 bits', 'content-length: 18446744073709551616'],
  ])('%s', async (_what, lines) => {
    const { answer, targets } = await send(`POST /first HTTP/1.1\r\nhost: h\r\n${lines}\r\n\r\n${CHUNKED}`);
    expect(answer).toMatch(/^HTTP\/1\.1 (400|501) /);
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(targets).toEqual([]);
  });
});

describe('a chunk that two parsers would read differently ends the connection', () => {
  const HEAD = 'POST /first HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n';
  test.each<[string, string]>([
    ['a size with a prefix', '0x5\r\nhello\r\n'],
    ['a size with a sign', '+5\r\nhello\r\n'],
    ['a size with a space before it', ' 5\r\nhello\r\n'],
    ['no size', '\r\nhello\r\n'],
    ['a size past 64 bits', 'fffffffffffffffff\r\nhello\r\n'],
    ['a size that ends with LF', '5\nhello\r\n'],
    ['a size that ends with CR', '5\rhello\r\n'],
    ['more data than its size', '5\r\nhello there\r\n'],
    ['data that ends with LF', '5\r\nhello\n'],
    ['an extension with LF', '5;a=b\nhello\r\n'],
    ['an extension with a NUL', '5;a=\u0000\r\nhello\r\n'],
  ])('%s', async (_what, chunk) => {
    const { answer, targets } = await send(HEAD + chunk + CHUNKED);
    expect(answer).toMatch(/^(HTTP\/1\.1 400 |$)/);
    expect(targets).not.toContain('/second');
  });
});

test.each<[string, string]>([
  ['LF alone', 'GET / HTTP/1.1\nhost: h\n\n'],
  ['a tab in the request line', 'GET\t/ HTTP/1.1\r\nhost: h\r\n\r\n'],
  ['a CR in the target', 'GET /a\rb HTTP/1.1\r\nhost: h\r\n\r\n'],
  ['a NUL in the target', 'GET /a\u0000 HTTP/1.1\r\nhost: h\r\n\r\n'],
  ['a method in lower case', 'get / HTTP/1.1\r\nhost: h\r\n\r\n'],
  ['a third word behind the version', 'GET / HTTP/1.1 x\r\nhost: h\r\n\r\n'],
])('a request line with %s is refused', async (_what, head) => {
  const { answer, targets } = await send(head);
  expect(answer).toMatch(/^HTTP\/1\.1 (400|505) /);
  expect(targets).toEqual([]);
});
