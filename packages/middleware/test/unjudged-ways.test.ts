import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect, createServer as createHttp2Server, type Http2ServerResponse } from 'node:http2';
import { connect as connectTcp, type AddressInfo, type Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { ALLOW } from '@agentwire/core';
import { agentMiddleware } from '@agentwire/middleware';
import { expect, onTestFinished, test } from 'vitest';
import { poolWith } from './setup.ts';

/** Server whose responses an agent judges, which removes `x-secret`. */
async function serve(create: (listener: never) => Server, route: (response: never) => void): Promise<number> {
  const pool = await poolWith((event) => ({
    ...ALLOW,
    ...(event.type === 'responseHeaders' && { responseHeaders: [{ op: 'remove', name: 'x-secret' }] }),
  }));
  const judged = agentMiddleware({ pool, agents: ['waf'] });
  const listener = (request: never, response: never): void => judged(request, response, () => route(response));
  const server = create(listener as never);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** Everything that a client of HTTP/1.1 gets. */
async function askHttp1(route: (response: ServerResponse) => void): Promise<string> {
  const socket = connectTcp(await serve(createServer, route), '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  return text(socket);
}

/** Everything that a client of HTTP/2 gets: heads, informational ones and pushed requests too, and bodies. */
async function askHttp2(route: (response: Http2ServerResponse) => void): Promise<string> {
  const session = connect(`http://127.0.0.1:${await serve(createHttp2Server, route)}`);
  onTestFinished(() => session.destroy());
  const got: string[] = [];
  session.on('stream', (_pushed, headers) => got.push(JSON.stringify(headers)));
  const stream = session.request({ ':path': '/' });
  for (const event of ['headers', 'response'])
    stream.on(event, ({ ':status': status, ...headers }: Record<string, unknown>) =>
      got.push(`${String(status)} ${'x-secret' in headers ? 'secret' : ''}`),
    );
  stream.on('data', (part: Buffer) => got.push(part.toString()));
  await once(stream, 'close');
  return got.join('|');
}

test('informational responses with headers are dropped over HTTP/1.1: no agent judges them', async () => {
  const called: string[] = [];
  const got = await askHttp1((response) => {
    response.writeContinue();
    response.writeEarlyHints({ link: '</a>; rel=preload', 'x-secret': '1' }, () => called.push('hints'));
    (response as { writeInformation?: (...given: unknown[]) => void }).writeInformation?.(103, ['x-secret', '1']);
    response.end('ok');
  });
  expect(got).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
  expect(got).not.toMatch(/103|secret/);
  expect(called).toEqual(['hints']);
});

test('the old name of writeHead is judged too', async () => {
  const got = await askHttp1((response) => {
    const old = response as unknown as { writeHeader(status: number, headers: object): void };
    old.writeHeader(201, { 'x-secret': '1', 'x-open': '2' });
    response.end('ok');
  });
  expect(got).toMatch(/^HTTP\/1\.1 201 Created\r\n/);
  expect(got).toContain('x-open: 2');
  expect(got).not.toContain('secret');
});

test('informational responses with headers are dropped over HTTP/2, and pushed responses are refused', async () => {
  const errors: unknown[] = [];
  const got = await askHttp2((response) => {
    response.writeContinue();
    response.writeEarlyHints({ link: '</a>; rel=preload', 'x-secret': '1' });
    response.createPushResponse({ ':path': '/pushed' }, (error) => {
      errors.push((error as { code?: unknown } | null)?.code);
      response.end('ok');
    });
  });
  expect(got).toBe('100 |200 |ok');
  expect(errors).toEqual(['ERR_UNSUPPORTED']);
});

test('the stream of a judged response tells its state, and sends nothing itself', async () => {
  const refused: unknown[] = [];
  const got = await askHttp2((response) => {
    const { stream } = response;
    const calls: (() => void)[] = [
      () => stream.additionalHeaders({ ':status': 103, 'x-secret': '1' }),
      () => stream.pushStream({ ':path': '/pushed' }, () => undefined),
      () => stream.respond({ ':status': 200, 'x-secret': '1' }),
      () => stream.respondWithFile('/dev/null', { 'x-secret': '1' }),
      () => response.req.stream.write('past'),
      () => stream.end('past'),
    ];
    for (const call of calls)
      try {
        call();
        refused.push(undefined);
      } catch (error) {
        refused.push((error as { code: unknown }).code);
      }
    response.end(`${stream.id} ${stream.destroyed} ${stream.session?.destroyed}`);
  });
  expect(got).toBe('200 |1 false false');
  expect(refused).toEqual(Array.from({ length: 6 }, () => 'ERR_UNSUPPORTED'));
});
