import { once } from 'node:events';
import { connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import { ALLOW } from '@agentwire/core';
import { describe, expect, onTestFinished, test } from 'vitest';
import { block, CODE, codeOf, FLAG, FRAME, frame, GET, rawHttp2 } from './support/raw-http2.ts';
import { setup } from './setup.ts';

type Lines = readonly (readonly [string, string])[];

/** Gateway with HTTP/2, and what its upstream got. */
async function front(
  options: Parameters<typeof setup>[1] = {},
): Promise<Awaited<ReturnType<typeof setup>> & { got: string[] }> {
  const got: string[] = [];
  const made = await setup(
    { waf: () => ALLOW },
    options,
    (request, response) => {
      got.push(`${request.method} ${request.url}`);
      request.resume().on('end', () => response.end('ok'));
    },
    { h2c: true },
  );
  return { ...made, got };
}

const replaced = (name: string, value: string): Lines => GET.map((line) => (line[0] === name ? [name, value] : line));

describe('what no HTTP/1.1 can say is refused on its stream, and no upstream sees it', () => {
  test.each<[string, Lines]>([
    ['a name in upper case', [...GET, ['X-Upper', '1']]],
    ['a pseudo header after others', [GET[0]!, GET[1]!, GET[3]!, ['x-a', '1'], GET[2]!]],
    ['an unknown pseudo header', [...GET, [':host', 'h']]],
    ['a pseudo header of responses', [...GET, [':status', '200']]],
    ['two :path', [...GET, [':path', '/other']]],
    ['two :method', [...GET, [':method', 'POST']]],
    ['no :path', GET.filter(([name]) => name !== ':path')],
    ['no :method', GET.filter(([name]) => name !== ':method')],
    ['no :scheme', GET.filter(([name]) => name !== ':scheme')],
    ['an empty :path', replaced(':path', '')],
    ['CR LF in :path', replaced(':path', '/ HTTP/1.1\r\nx: 1')],
    ['CR LF in :authority', replaced(':authority', 'h\r\nx: 1')],
    ['transfer-encoding', [...GET, ['transfer-encoding', 'chunked']]],
    ['connection', [...GET, ['connection', 'x-waf']]],
    ['keep-alive', [...GET, ['keep-alive', '1']]],
    ['proxy-connection', [...GET, ['proxy-connection', 'close']]],
    ['upgrade', [...GET, ['upgrade', 'websocket']]],
    ['te other than trailers', [...GET, ['te', 'gzip']]],
    ['two content-length', [...GET, ['content-length', '0'], ['content-length', '5']]],
    ['a content-length that is no number', [...GET, ['content-length', '5, 5']]],
    ['a content-length past the body', [...GET, ['content-length', '5']]],
    [':protocol', [...replaced(':method', 'CONNECT'), [':protocol', 'websocket']]],
  ])('%s', async (_what, lines) => {
    const { url, got } = await front();
    const client = await rawHttp2(url);
    client.get(1, ...lines);
    const end = await client.until(({ type }) => type === FRAME.rstStream || type === FRAME.goaway);
    expect([CODE.protocol, CODE.internal]).toContain(end && codeOf(end));
    expect(got).toEqual([]);
    // another client is served
    const other = await rawHttp2(url);
    other.get(1, ...GET);
    await other.until(({ type, stream }) => type === FRAME.data && stream === 1);
    expect(got).toEqual(['GET /']);
  });

  test.each<[string, Lines]>([
    ['CR LF in a value', [...GET, ['x-a', '1\r\nx-injected: 1']]],
    ['LF in a value', [...GET, ['x-a', '1\nx-injected: 1']]],
    ['NUL in a value', [...GET, ['x-a', '1\u0000']]],
    ['a space in a name', [...GET, ['x a', '1']]],
    ['a colon in a name', [...GET, ['x:a', '1']]],
    ['CR LF in a name', [...GET, ['x\r\na', '1']]],
    ['an empty name', [...GET, ['', '1']]],
  ])('%s: its line is dropped before agents and upstream, or the request is reset', async (_what, lines) => {
    const seen: string[] = [];
    const { url } = await setup(
      {
        waf: (event) => {
          if (event.type === 'requestHeaders') seen.push(...event.headers);
          return ALLOW;
        },
      },
      {},
      (request, response) => {
        seen.push(...request.rawHeaders);
        response.end();
      },
      { h2c: true },
    );
    const client = await rawHttp2(url);
    client.get(1, ...lines);
    await client.until(({ type }) => type === FRAME.headers || type === FRAME.rstStream || type === FRAME.goaway);
    expect(seen.filter((part) => /^x.?.?a$|injected|[\r\n\0]/.test(part))).toEqual([]);
  });

  test('a body longer or shorter than its content-length', async () => {
    const { url, got } = await front();
    const post: Lines = [...replaced(':method', 'POST'), ['content-length', '5']];
    for (const body of ['too long', 'bad']) {
      const client = await rawHttp2(url);
      client.send(
        frame(FRAME.headers, FLAG.endHeaders, 1, block(...post)),
        frame(FRAME.data, FLAG.endStream, 1, Buffer.from(body)),
      );
      const end = await client.until(({ type }) => type === FRAME.rstStream || type === FRAME.goaway);
      expect([CODE.protocol, CODE.internal]).toContain(end && codeOf(end));
    }
    const good = await rawHttp2(url);
    good.get(1, ...GET);
    await good.until(({ type }) => type === FRAME.data);
    // the head of a streamed body may have gone on; its end never does
    expect(got.filter((line) => line.startsWith('GET'))).toEqual(['GET /']);
  });
});

describe('what only reads differently is answered', () => {
  async function status(headers: OutgoingHttpHeaders, options?: Parameters<typeof setup>[1]): Promise<unknown> {
    const { url, got } = await front(options);
    const session = connect(url);
    onTestFinished(() => session.destroy());
    const stream = session.request({ ':path': '/', ...headers });
    stream.resume();
    const answer = Promise.withResolvers<unknown>();
    stream.on('response', (response: IncomingHttpHeaders) => answer.resolve(response[':status']));
    // what nghttp2 itself refuses is reset
    stream.on('error', () => answer.resolve(400));
    const result = await answer.promise;
    if (result !== 200) expect(got).toEqual([]);
    return result;
  }

  test.each<[string, number, OutgoingHttpHeaders]>([
    [':path with a fragment', 400, { ':path': '/a#b' }],
    ['an absolute :path', 400, { ':path': 'http://other.test/' }],
    [':path that is no path', 400, { ':path': 'a' }],
    [':path * of a GET', 400, { ':path': '*' }],
    ['host that is not :authority', 400, { ':authority': 'a.test', host: 'b.test' }],
    ['host that is :authority', 200, { ':authority': 'a.test', host: 'A.test' }],
    ['a user in :authority', 400, { ':authority': 'user@a.test' }],
    ['another scheme', 400, { ':scheme': 'ftp' }],
    ['TRACE', 405, { ':method': 'TRACE' }],
    ['a long path', 414, { ':path': `/${'a'.repeat(9_000)}` }],
    ['too many lines', 431, Object.fromEntries(Array.from({ length: 101 }, (_one, at) => [`x-${at}`, '1']))],
    ['as many lines as allowed', 200, Object.fromEntries(Array.from({ length: 98 }, (_one, at) => [`x-${at}`, '1']))],
  ])('%s: %i', async (_what, expected, headers) => {
    expect(await status(headers)).toBe(expected);
  });

  test('no host at all: 400', async () => {
    const { url, got } = await front();
    const client = await rawHttp2(url);
    client.get(1, ...GET.filter(([name]) => name !== ':authority'));
    const answer = await client.until(({ type }) => type === FRAME.headers || type === FRAME.rstStream);
    // nghttp2 resets it, or the gateway answers: 0x8c is ":status: 400" of the static table
    expect(answer?.type === FRAME.headers ? answer.payload[0] : 0x8c).toBe(0x8c);
    expect(got).toEqual([]);
  });

  test('CONNECT: 501', async () => {
    const { url } = await front();
    const session = connect(url);
    onTestFinished(() => session.destroy());
    const stream = session.request({ ':method': 'CONNECT', ':authority': 'other.test:443' });
    const [response] = (await once(stream, 'response')) as [IncomingHttpHeaders];
    expect(response[':status']).toBe(501);
  });

  test('a head past maxHeadBytes: 431, or a reset', async () => {
    expect(await status({ 'x-a': 'a'.repeat(9_000), 'x-b': 'b'.repeat(7_500) })).toSatisfy(
      (answer) => answer === 431 || answer === 400,
    );
  });
});

describe('floods', () => {
  test('of CONTINUATION frames end the connection', async () => {
    const { url, got } = await front();
    const client = await rawHttp2(url);
    const parts = [frame(FRAME.headers, FLAG.endStream, 1, block(...GET))];
    for (let at = 0; at < 100; at++) parts.push(frame(FRAME.continuation, 0, 1, block([`x-${at}`, '1'])));
    client.send(...parts);
    await client.closed();
    expect(got).toEqual([]);
  });

  test('of resets end the connection, others go on', async () => {
    const { url, gateway, got } = await front({ http2: { resetBurst: 50, resetsPerSecond: 1 } });
    const client = await rawHttp2(url);
    const parts: Buffer[] = [];
    for (let at = 0; at < 500; at++) {
      const stream = 2 * at + 1;
      parts.push(frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, stream, block(...GET)));
      parts.push(frame(FRAME.rstStream, 0, stream, Buffer.from([0, 0, 0, CODE.cancel])));
    }
    client.send(...parts);
    await client.closed();
    expect(gateway.stats.requests).toBeLessThan(200);
    const other = await rawHttp2(url);
    other.get(1, ...GET);
    await other.until(({ type }) => type === FRAME.data);
    expect(got.at(-1)).toBe('GET /');
  });

  test('of streams past maxStreams are refused', async () => {
    const waiting: (() => void)[] = [];
    const { url, gateway } = await setup(
      {},
      { http2: { maxStreams: 3 } },
      (_request, response) => {
        waiting.push(() => response.end());
      },
      { h2c: true },
    );
    const client = await rawHttp2(url);
    for (const stream of [1, 3, 5, 7]) client.get(stream, ...GET);
    const refused = await client.until(({ type }) => type === FRAME.rstStream || type === FRAME.goaway);
    expect(refused).toMatchObject({ stream: 7 });
    expect(refused && codeOf(refused)).toBe(CODE.refused);
    expect(gateway.stats.active).toBe(3);
  });

  test('of settings and pings end the connection of a client that reads nothing', async () => {
    const { url, got } = await front();
    const client = await rawHttp2(url);
    const pings = Buffer.concat(Array.from({ length: 20_000 }, () => frame(FRAME.ping, 0, 0, Buffer.alloc(8))));
    client.send(pings);
    client.get(1, ...GET);
    // answered, or ended: never more than a bounded queue of acknowledgements
    await Promise.race([client.closed(), client.until(({ type }) => type === FRAME.data)]);
    expect(got.length).toBeLessThanOrEqual(1);
  });
});

test('a connection without a request ends: after requestHeadTimeoutMs at first, after keepAliveTimeoutMs later', async () => {
  const { url } = await front({ requestHeadTimeoutMs: 100, keepAliveTimeoutMs: 200 });
  const silent = await rawHttp2(url);
  await silent.closed();
  expect(silent.frames.some(({ type }) => type === FRAME.goaway)).toBe(true);
  const idle = await rawHttp2(url);
  idle.get(1, ...GET);
  await idle.until(({ type }) => type === FRAME.data);
  // pings do not keep it
  idle.send(frame(FRAME.ping, 0, 0, Buffer.alloc(8)));
  await idle.closed();
  // not even a preface
  const { port } = new URL(url);
  const { connect: connectTcp } = await import('node:net');
  const mute = connectTcp(Number(port), '127.0.0.1');
  mute.on('error', () => undefined).resume();
  await once(mute, 'close');
});

test('a client that does not read its response is cut, another stream of its connection too only when it stalls', async () => {
  const { url, summaries, ended } = await setup(
    {},
    { clientStallTimeoutMs: 200 },
    (_request, response) => {
      response.end(Buffer.alloc(1_000_000));
    },
    { h2c: true },
  );
  const client = await rawHttp2(url);
  client.get(1, ...GET);
  const end = await client.until(({ type }) => type === FRAME.rstStream);
  expect(end).toMatchObject({ stream: 1 });
  await ended(1);
  expect(summaries[0]?.outcome).not.toBe('allowed');
});
