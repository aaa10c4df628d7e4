import { once } from 'node:events';
import { connect, createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { ALLOW, type ProxyEvent } from '@agentwire/core';
import { describe, expect, onTestFinished, test } from 'vitest';
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
