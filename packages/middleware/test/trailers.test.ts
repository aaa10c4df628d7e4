import { once } from 'node:events';
import { createServer, request as requestHttp, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, createServer as createHttp2Server, type IncomingHttpHeaders } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { ALLOW, type Decision, type ProxyEvent } from '@agentwire/core';
import { agentMiddleware } from '@agentwire/middleware';
import { expect, onTestFinished, test } from 'vitest';
import { poolWith } from './setup.ts';

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Application with trailers: one that an agent has removed, one that the head has, one that HTTP forbids, and one to pass. */
function application(_request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('x-head', '1');
  response.write('bo');
  response.addTrailers({ 'x-removed': '1', 'x-head': '2', 'set-cookie': 'a=1', 'x-sum': '7' });
  response.end('dy');
}

const reads = (event: ProxyEvent): Decision => ({
  ...ALLOW,
  needsMore: event.type === 'responseHeaders' || event.type === 'responseBodyChunk',
  ...(event.type === 'responseHeaders' && { responseHeaders: [{ op: 'remove', name: 'X_Removed' }] }),
});
const judges = (event: ProxyEvent): Decision => ({ ...reads(event), needsMore: false });

test.each([
  ['reads the body', reads],
  ['judges the head', judges],
])('trailers of an application pass an agent that %s, over HTTP/1.1 and HTTP/2', async (_what, agent) => {
  const pool = await poolWith(agent);
  const judged = agentMiddleware({ pool, agents: ['waf'] });
  const listener = (request: IncomingMessage, response: ServerResponse): void =>
    judged(request, response, () => application(request, response));
  const request = requestHttp(await listen(createServer(listener))).end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let body = '';
  response.setEncoding('utf8').on('data', (part: string) => (body += part));
  await once(response, 'end');
  expect([body, response.rawTrailers]).toEqual(['body', ['x-sum', '7']]);

  const session = connect(await listen(createHttp2Server(listener as never)));
  onTestFinished(() => session.destroy());
  const stream = session.request({ ':path': '/' });
  stream.resume();
  const [trailers] = (await once(stream, 'trailers')) as [IncomingHttpHeaders];
  expect(Object.entries(trailers)).toEqual([['x-sum', '7']]);
});

test.each([
  ['reads the body', reads],
  ['judges the head', judges],
])(
  'setTrailer of node:http2 is filtered too behind an agent that %s, and the last value counts',
  async (_what, agent) => {
    const pool = await poolWith(agent);
    const judged = agentMiddleware({ pool, agents: ['waf'] });
    const errors: unknown[] = [];
    const server = createHttp2Server((request, response) =>
      judged(request as never, response as never, () => {
        response.write('bo');
        const trailers = response as unknown as { setTrailer(name: string, value: string): void };
        for (const name of ['x-removed', 'set-cookie', 'x-sum']) trailers.setTrailer(name, '1');
        trailers.setTrailer('x-sum', '7');
        for (const [name, value] of [
          ['bad name', '1'],
          ['x-bad', 'a\r\nb'],
        ] as const)
          try {
            response.addTrailers({ [name]: value });
          } catch (error) {
            errors.push((error as { code: unknown }).code);
          }
        response.end('dy');
      }),
    );
    const session = connect(await listen(server));
    onTestFinished(() => session.destroy());
    const stream = session.request({ ':path': '/' });
    stream.resume();
    const [trailers] = (await once(stream, 'trailers')) as [IncomingHttpHeaders];
    expect(Object.entries(trailers)).toEqual([['x-sum', '7']]);
    expect(errors).toEqual(['ERR_INVALID_HTTP_TOKEN', 'ERR_INVALID_CHAR']);
  },
);
