import type { RequestListener } from 'node:http';
import { ALLOW, type Decision, type ProxyEvent } from '@agentwire/core';
import { describe, expect, test } from 'vitest';
import { exchange, rawClient } from './raw-client.ts';
import { setup } from './setup.ts';

const allow = (more: Partial<Decision> = {}): Decision => ({ verdict: { type: 'allow' }, ...more });
const BLOCK: Decision = { verdict: { type: 'block', status: 403, body: 'no' } };
const last = (text: string): string => text.slice(text.indexOf('\r\n\r\n') + 4);
type Seen = { url: string; version: string; raw: string[]; body: string };

/** An upstream that notes what it got and answers `ok`. */
function noting(): { seen: Seen[]; upstream: RequestListener } {
  const seen: Seen[] = [];
  return {
    seen,
    upstream: (request, response) => {
      let body = '';
      request.setEncoding('latin1').on('data', (part: string) => (body += part));
      request.on('end', () => {
        seen.push({ url: request.url ?? '', version: request.httpVersion, raw: request.rawHeaders, body });
        response.end('ok');
      });
    },
  };
}
const values = (raw: string[], name: string): string[] =>
  raw.filter((_value, at) => at % 2 === 1 && raw[at - 1]?.toLowerCase() === name);

describe('request smuggling', () => {
  test.each([
    ['content-length and transfer-encoding', 'content-length: 4\r\ntransfer-encoding: chunked', 400],
    ['two lengths', 'content-length: 4\r\ncontent-length: 5', 400],
    ['a list as length', 'content-length: 4, 4', 400],
    ['a signed length', 'content-length: +4', 400],
    ['chunked not last', 'transfer-encoding: chunked, gzip', 400],
    ['a coding that is not decoded', 'transfer-encoding: gzip, chunked', 501],
    ['a header with space before its colon', 'transfer-encoding : chunked', 400],
    ['two hosts', 'host: other\r\ncontent-length: 0', 400],
    ['a line that is folded', 'x-a: 1\r\n content-length: 4', 400],
  ])('%s is refused', async (_name, headers, status) => {
    const { seen, upstream } = noting();
    const { url } = await setup({}, {}, upstream);
    const text = await exchange(url, `POST / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n${headers}\r\n\r\n0\r\n\r\n`);
    expect([text.slice(9, 12), seen]).toEqual([String(status), []]);
  });

  test('HTTP/1.0 with transfer-encoding, and 1.1 without Host, are refused', async () => {
    const { url } = await setup({});
    expect(await exchange(url, 'POST / HTTP/1.0\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n')).toMatch(
      / 400 /,
    );
    expect(await exchange(url, 'GET / HTTP/1.1\r\n\r\n')).toMatch(/ 400 /);
  });

  test('a chunked upload arrives as one body, framed anew, without trailers and chunk extensions', async () => {
    const { seen, upstream } = noting();
    const { url } = await setup({}, {}, upstream);
    const chunked = '3;x="y"\r\nabc\r\n2\r\nde\r\n0\r\nx-trailer: 1\r\n\r\n';
    const head = 'POST / HTTP/1.1\r\nhost: h\r\nconnection: close\r\ntransfer-encoding: Chunked\r\ntrailer: x-trailer';
    expect(await exchange(url, `${head}\r\n\r\n${chunked}`)).toMatch(/ 200 /);
    expect(seen[0]?.body).toBe('abcde');
    expect(values(seen[0]?.raw ?? [], 'transfer-encoding')).toEqual(['chunked']);
    expect(values(seen[0]?.raw ?? [], 'trailer')).toEqual([]);
  });

  test("an agent's own framing headers change nothing", async () => {
    const bodies: string[] = [];
    const ops = [{ op: 'set' as const, name: 'content-length', value: '2' }];
    const { url } = await setup(
      { waf: () => allow({ requestHeaders: ops, responseHeaders: ops }) },
      {},
      (request, response) => {
        let body = '';
        request.on('data', (part: Buffer) => (body += part.toString()));
        request.on('end', () => {
          bodies.push(body);
          response.setHeader('content-length', '8').end('not two!');
        });
      },
    );
    const response = await fetch(url, { method: 'POST', body: 'four' });
    expect([response.headers.get('content-length'), await response.text(), bodies]).toEqual([
      '8',
      'not two!',
      ['four'],
    ]);
  });
});

describe('request targets', () => {
  test.each([
    ['GET http://other.test:81/a?b=1', '/a?b=1', 'other.test:81'],
    ['GET HTTP://other.test', '/', 'other.test'],
    ['GET http://other.test?q', '/?q', 'other.test'],
    ['GET //double/../x', '//double/../x', 'h'],
  ])('%s is %s of its host, for agents too', async (line, path, host) => {
    const { seen, upstream } = noting();
    const uris: string[] = [];
    const waf = (event: ProxyEvent): Decision => {
      if (event.type === 'requestHeaders') uris.push(event.uri);
      return ALLOW;
    };
    const { url } = await setup({ waf }, {}, upstream);
    expect(await exchange(url, `${line} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n`)).toMatch(/ 200 /);
    expect([uris, seen[0]?.url, values(seen[0]?.raw ?? [], 'host')]).toEqual([[path], path, [host]]);
  });

  test('others are 400, OPTIONS * is answered by the gateway, CONNECT is 501, and so is a WebSocket by POST', async () => {
    const { seen, upstream } = noting();
    const { url } = await setup({}, {}, upstream);
    const end = 'HTTP/1.1\r\nhost: h\r\nconnection: close\r\n';
    expect(await exchange(url, `GET http://user@other.test/ ${end}\r\n`)).toMatch(/ 400 /);
    expect(await exchange(url, `GET ftp://other.test/ ${end}\r\n`)).toMatch(/ 400 /);
    expect(await exchange(url, `GET * ${end}\r\n`)).toMatch(/ 400 /);
    expect(await exchange(url, `OPTIONS * ${end}\r\n`)).toMatch(/ 204 /);
    expect(await exchange(url, 'CONNECT other.test:443 HTTP/1.1\r\nhost: h\r\n\r\n')).toMatch(/ 501 /);
    const upgrade = 'POST / HTTP/1.1\r\nhost: h\r\nconnection: upgrade, close\r\nupgrade: websocket\r\n\r\n';
    expect(await exchange(url, upgrade)).toMatch(/ 501 /);
    expect(seen).toEqual([]);
    const h2c = 'GET / HTTP/1.1\r\nhost: h\r\nconnection: upgrade, close\r\nupgrade: h2c\r\n\r\n';
    expect(await exchange(url, h2c)).toMatch(/ 200 /);
    expect(values(seen[0]?.raw ?? [], 'upgrade')).toEqual([]);
  });
});

describe('expect: 100-continue', () => {
  const head = 'POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n';

  test('100 Continue is sent only when the body is read', async () => {
    const { seen, upstream } = noting();
    const decide = Promise.withResolvers<Decision>();
    const asked = Promise.withResolvers<void>();
    const waf = { on: () => (asked.resolve(), decide.promise), events: ['requestHeaders'] as const };
    const { url } = await setup({ waf }, {}, upstream);
    const client = await rawClient(url);
    client.send(head);
    await asked.promise;
    expect(client.text).toBe('');
    decide.resolve(ALLOW);
    expect(await client.until(/\r\n\r\n/)).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    client.send('four');
    expect(await client.until(/ok/)).toMatch(/ 200 /);
    expect([seen[0]?.body, values(seen[0]?.raw ?? [], 'expect')]).toEqual(['four', []]);
  });

  test('a client whose head is blocked never sends it', async () => {
    const { url } = await setup({ waf: () => BLOCK });
    const text = await exchange(url, head);
    expect(text).toMatch(/^HTTP\/1\.1 403 /);
    expect(text).not.toContain('100 Continue');
  });
});

describe('responses without a body', () => {
  const upstream: RequestListener = (request, response) => {
    if (request.url === '/head') response.writeHead(200, { 'content-length': 5, etag: '"1"' }).end('12345');
    else if (request.url === '/204') response.writeHead(204).end();
    else response.writeHead(304, { etag: '"1"', 'content-length': 5 }).end();
  };
  const judging = (event: ProxyEvent): Decision =>
    allow({
      needsMore: true,
      ...(event.type === 'responseHeaders' && {
        responseHeaders: [{ op: 'set', name: 'x-seen', value: String(event.hasBody) }],
      }),
    });

  test.each([
    ['unjudged', {}],
    ['judged', { judge: judging }],
  ])('HEAD, 204 and 304, %s, one after the other on one connection', async (_name, agents) => {
    const { url } = await setup(agents, {}, upstream);
    const client = await rawClient(url);
    client.send('HEAD /head HTTP/1.1\r\nhost: h\r\n\r\n');
    expect(last(await client.until(/200 OK[^]*?\r\n\r\n/))).toBe('');
    expect(client.text).toMatch(/content-length: 5/i);
    client.send('GET /204 HTTP/1.1\r\nhost: h\r\n\r\n');
    await client.until(/ 204 [^]*?\r\n\r\n$/);
    client.send('GET /304 HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n');
    const text = await client.closed();
    expect(text).toMatch(/ 304 [^]*etag: "1"/i);
    expect(text.endsWith('\r\n\r\n')).toBe(true);
    expect(text.match(/x-seen: false/g)?.length ?? 0).toBe(Object.keys(agents).length * 3);
  });
});

describe('connections', () => {
  test('a short unread body of a blocked request does not end the connection', async () => {
    const { url } = await setup({
      waf: (event) => (event.type === 'requestHeaders' && event.uri === '/bad' ? BLOCK : ALLOW),
    });
    const client = await rawClient(url);
    client.send('POST /bad HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\n\r\nunr');
    await client.until(/ 403 [^]*no$/);
    client.send('eadGET /good HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n');
    expect(await client.closed()).toMatch(/ 403 [^]* 200 OK[^]*\/good/);
  });

  test('a long one is read to its end after the answer, so that the client can read it, and then the connection ends', async () => {
    const { url } = await setup({ waf: () => BLOCK });
    const client = await rawClient(url);
    const bytes = 20 * 1024 ** 2;
    client.send(`POST / HTTP/1.1\r\nhost: h\r\ncontent-length: ${bytes}\r\n\r\n`);
    expect(await client.until(/ 403 [^]*no$/)).toMatch(/connection: close/i);
    const sent = new Promise((resolve) => client.socket.write(Buffer.alloc(bytes), resolve));
    expect(await sent).not.toBeInstanceOf(Error);
    expect(await client.closed()).toMatch(/^HTTP\/1.1 403 /);
    expect(client.socket.errored).toBeNull();
  });

  test('a block in the middle of a long upload reaches a client that only reads afterwards', async () => {
    const { url } = await setup({
      waf: (event) => (event.type === 'requestBodyChunk' ? BLOCK : allow({ needsMore: true })),
    });
    const response = await fetch(url, { method: 'POST', body: Buffer.alloc(20 * 1024 ** 2) });
    expect([response.status, await response.text()]).toEqual([403, 'no']);
  });

  test('an upstream that answers before the end of a body does not end the connection', async () => {
    const { url } = await setup({}, {}, (request, response) => void response.end(`<${request.url}>`));
    const client = await rawClient(url);
    const bytes = 5 * 1024 ** 2;
    client.send(`POST /early HTTP/1.1\r\nhost: h\r\ncontent-length: ${bytes + 5}\r\n\r\nfirst`);
    await client.until(/<\/early>/);
    client.socket.write(Buffer.alloc(bytes));
    client.send('GET /next HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n');
    expect(await client.closed()).toMatch(/<\/next>/);
  });

  test('pipelined requests are answered in order', async () => {
    const release = Promise.withResolvers<void>();
    const { url } = await setup({}, {}, (request, response) => {
      if (request.url === '/2') release.resolve();
      const answer = (): unknown => response.end(`<${request.url}>`);
      if (request.url === '/1') void release.promise.then(answer);
      else answer();
    });
    const get = (n: number, more = ''): string => `GET /${n} HTTP/1.1\r\nhost: h\r\n${more}\r\n`;
    const text = await exchange(url, get(1) + get(2) + get(3, 'connection: close\r\n'));
    expect(text.match(/<\/\d>/g)).toEqual(['</1>', '</2>', '</3>']);
  });

  test('a pipelined request behind another is cancelled with its connection', async () => {
    const both = Promise.withResolvers<void>();
    let asked = 0;
    const { url, ended, summaries, gateway } = await setup({
      waf: {
        on: () => ((asked += 1) === 2 && both.resolve(), new Promise(() => undefined)),
        events: ['requestHeaders'],
      },
    });
    const client = await rawClient(url);
    client.send('GET /1 HTTP/1.1\r\nhost: h\r\n\r\nGET /2 HTTP/1.1\r\nhost: h\r\n\r\n');
    await both.promise;
    client.socket.destroy();
    await ended(2);
    expect(summaries.map(({ outcome }) => outcome)).toEqual(['cancelled', 'cancelled']);
    await new Promise((resolve) => setImmediate(resolve));
    expect(gateway.stats.active).toBe(0);
  });

  test('HTTP/1.0 clients get no chunks and no keep-alive', async () => {
    const { url } = await setup({}, {}, (_request, response) => {
      response.write('one ');
      response.end('two');
    });
    const text = await exchange(url, 'GET / HTTP/1.0\r\n\r\n');
    expect([text.includes('transfer-encoding'), last(text)]).toEqual([false, 'one two']);
  });

  test('early hints of an upstream do not pass, what follows does', async () => {
    const { url } = await setup({}, {}, (_request, response) => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' });
      response.writeProcessing();
      response.end('after');
    });
    const text = await exchange(url, 'GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n');
    expect(text).toMatch(/^HTTP\/1\.1 200 OK[^]*after/);
  });
});

describe('headers', () => {
  test('values of both sides pass as latin1, byte for byte, several of a name too', async () => {
    const { seen, upstream } = noting();
    const { url } = await setup(
      { judge: () => allow({ responseHeaders: [{ op: 'set', name: 'x-j', value: '1' }] }) },
      {},
      (request, response) => {
        response.writeHead(200, ['x-name', 'caf\u00e9 \u00fc', 'set-cookie', 'a=1', 'set-cookie', 'b=2']);
        upstream(request, response);
      },
    );
    const text = await exchange(url, 'GET / HTTP/1.1\r\nhost: h\r\nx-who: \u00c5sa\r\nconnection: close\r\n\r\n');
    expect(text).toContain('x-name: caf\u00e9 \u00fc\r\nset-cookie: a=1\r\nset-cookie: b=2');
    expect(values(seen[0]?.raw ?? [], 'x-who')).toEqual(['\u00c5sa']);
  });

  test('forwarded headers of a client are removed, those of an agent stay', async () => {
    const { seen, upstream } = noting();
    const ops = [
      { op: 'set' as const, name: 'x-real-ip', value: '7.7.7.7' },
      { op: 'set' as const, name: 'host', value: 'inner' },
    ];
    const { url } = await setup({ waf: () => allow({ requestHeaders: ops }) }, {}, upstream);
    const claims = [
      'forwarded: for=6.6.6.6',
      'x_forwarded_for: 6.6.6.6',
      'x-real-ip: 6.6.6.6',
      'x-forwarded-port: 1',
      'X-Forwarded-Host: evil',
    ];
    await exchange(
      url,
      `GET / HTTP/1.1\r\nhost: h\r\nconnection: close, x-forwarded-for\r\n${claims.join('\r\n')}\r\n\r\n`,
    );
    const raw = seen[0]?.raw ?? [];
    expect(raw.join(' ')).not.toMatch(/6\.6\.6\.6|evil|port/);
    expect(['x-real-ip', 'host', 'x-forwarded-host', 'x-forwarded-for'].map((name) => values(raw, name))).toEqual([
      ['7.7.7.7'],
      ['inner'],
      ['h'],
      ['127.0.0.1'],
    ]);
  });

  test('too many of them are 431', async () => {
    const { url } = await setup({});
    expect(await exchange(url, `GET / HTTP/1.1\r\nhost: h\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`)).toMatch(/ 431 /);
  });

  test.each([
    [
      'hop by hop',
      { type: 'block', status: 403, headers: ['transfer-encoding', 'chunked', 'content-type', 'text/x'], body: 'b' },
      403,
    ],
    ['no final status', { type: 'block', status: 101, body: 'b' }, 503],
    ['a value with a line break', { type: 'block', status: 403, headers: ['x-a', 'a\r\nb: c'] }, 503],
  ] as [string, Decision['verdict'], number][])('of a block: %s', async (_name, verdict, status) => {
    const { url } = await setup({ waf: { on: () => ({ verdict }), add: { onFailure: 'closed' } } });
    const text = await exchange(url, 'GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n');
    expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(text).not.toMatch(/transfer-encoding|b: c/);
    if (status === 403) expect(text.match(/content-type: .*/g)).toEqual(['content-type: text/x']);
  });
});
