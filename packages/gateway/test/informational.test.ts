import { once } from 'node:events';
import { connect, createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { ALLOW, type ProxyEvent } from '@agentwire/core';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ContinueFilter } from '../src/upstream/continue-filter.ts';
import { exchange } from './raw-client.ts';
import { setup } from './setup.ts';
import { rawUpstream } from './support/raw-upstream.ts';

const GET = 'GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n';
const h2c = { h2c: true };

/** Agent that notes the status of each response that it is asked about. */
function noting(): { readonly statuses: number[]; readonly agents: Parameters<typeof setup>[0] } {
  const statuses: number[] = [];
  const waf = (event: ProxyEvent): typeof ALLOW => {
    if (event.type === 'responseHeaders') statuses.push(event.status);
    return ALLOW;
  };
  return { statuses, agents: { waf } };
}

async function overHttp2(url: string): Promise<{ informational: unknown[]; status: unknown }> {
  const session = connect(url);
  onTestFinished(() => session.destroy());
  const informational: unknown[] = [];
  const stream = session.request({ ':path': '/' });
  stream.on('headers', (head: IncomingHttpHeaders) => informational.push(head[':status'])).resume();
  const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  return { informational, status: head[':status'] };
}

describe('early hints of an upstream are dropped: agents have not seen them', () => {
  test('of HTTP/1.1', async () => {
    const hints = 'HTTP/1.1 103 Early Hints\r\nlink: </secret.css>; rel=preload\r\n\r\n'.repeat(3);
    const { origin } = await rawUpstream(({ socket }) =>
      socket.write(`${hints}HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok`),
    );
    const { statuses, agents } = noting();
    const { url } = await setup(agents, { upstream: origin }, undefined, h2c);
    const answer = await exchange(url, GET);
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(answer).not.toContain('secret');
    expect(await overHttp2(url)).toEqual({ informational: [], status: 200 });
    expect(statuses).toEqual([200, 200]);
  });

  test('of HTTP/2', async () => {
    const server = createServer();
    server.on('stream', (stream: ServerHttp2Stream) => {
      stream.additionalHeaders({ ':status': 103, link: '</secret.css>; rel=preload' });
      stream.respond({ ':status': 200 });
      stream.end('ok');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const targets = [`http://127.0.0.1:${(server.address() as AddressInfo).port}`];
    const { statuses, agents } = noting();
    const upstreams = { api: { targets, protocol: 'http2' as const } };
    const { url } = await setup(agents, { upstream: 'api', upstreams }, undefined, h2c);
    expect(await exchange(url, GET)).not.toContain('secret');
    expect(await overHttp2(url)).toEqual({ informational: [], status: 200 });
    expect(statuses).toEqual([200, 200]);
  });
});

describe('100 Continue of an upstream that was not asked for it is passed over', () => {
  const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';
  const FINAL = 'HTTP/1.1 200 OK\r\ncontent-length: 24\r\n\r\nHTTP/1.1 100 Continue\r\n\n';
  test.each([
    ['once', [CONTINUE + FINAL]],
    ['with fields, beside others', ['HTTP/1.1 103 x\r\na: b\r\n\r\nHTTP/1.1 100 \r\nc: 100\r\n\r\n', CONTINUE, FINAL]],
    ['byte by byte', (CONTINUE + CONTINUE + FINAL).split('')],
  ])('%s', async (_, pieces) => {
    const { origin } = await rawUpstream(({ socket }) => {
      socket.setNoDelay(true);
      for (const piece of pieces) socket.write(piece);
    });
    const { statuses, agents } = noting();
    const { url } = await setup(agents, { upstream: origin });
    const keep = GET.replace('close', 'keep-alive');
    const answer = await exchange(url, keep + GET);
    expect(answer.match(/HTTP\/1\.1 200 OK\r\n/g)).toHaveLength(2);
    // the bodies are not touched
    expect(answer.match(/\r\n\r\nHTTP\/1\.1 100 Continue\r\n\n/g)).toHaveLength(2);
    expect(statuses).toEqual([200, 200]);
  });

  test('however the responses are cut', () => {
    const heads = fc.array(fc.constantFrom(100, 102, 103, 199), { maxLength: 5 });
    const final = fc.constantFrom(101, 200, 404, 500);
    const cuts = fc.array(fc.nat(300), { maxLength: 8 });
    fc.assert(
      fc.property(heads, final, cuts, (statuses, last, at) => {
        const text = (status: number): string => `HTTP/1.1 ${status} x\r\nx: HTTP/1.1 100 Continue\r\n\r\n`;
        const body = `${text(last)}HTTP/1.1 100 Continue\r\n\r\n`;
        const filter = new ContinueFilter();
        filter.begin();
        const bytes = Buffer.from(statuses.map(text).join('') + body, 'latin1');
        let from = 0;
        for (const to of [...at.toSorted((a, b) => a - b), bytes.length]) {
          filter.pass(bytes.subarray(from, Math.max(from, to)));
          from = Math.max(from, to);
        }
        const expected = statuses.map((status) => text(status === 100 ? 102 : status)).join('');
        expect(bytes.toString('latin1')).toBe(expected + body);
      }),
    );
  });

  test('what follows 101 is of another protocol', () => {
    const filter = new ContinueFilter();
    const pass = (text: string): string => {
      const bytes = Buffer.from(text, 'latin1');
      filter.pass(bytes);
      return bytes.toString('latin1');
    };
    filter.begin();
    const switched = 'HTTP/1.1 101 Switching Protocols\r\n\r\n';
    expect(pass(switched + CONTINUE) + pass(CONTINUE)).toBe(switched + CONTINUE + CONTINUE);
    filter.begin();
    expect(pass(CONTINUE)).toBe('HTTP/1.1 102 Continue\r\n\r\n');
  });
});

test('a body of 205 is framed as any other, so that what follows is not read as a response', async () => {
  const { origin } = await rawUpstream(({ socket }) =>
    socket.write('HTTP/1.1 205 Reset Content\r\ncontent-length: 5\r\n\r\nhello'),
  );
  const { statuses, agents } = noting();
  const { url } = await setup(agents, { upstream: origin });
  const keep = GET.replace('close', 'keep-alive');
  const answer = await exchange(url, keep + GET);
  expect(answer.match(/HTTP\/1\.1 205/g)).toHaveLength(2);
  expect(answer.match(/hello/g)).toHaveLength(2);
  expect(statuses).toEqual([205, 205]);
});
