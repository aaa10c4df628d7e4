import { once } from 'node:events';
import {
  connect,
  createServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { request as requestHttp, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ALLOW, type Decision, type HeaderOp } from '@agentwire/core';
import type { GatewayOptions } from '@agentwire/gateway';
import { TrailerFilter } from '@agentwire/pipeline/internal';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { exchange } from './raw-client.ts';
import { setup } from './setup.ts';

const TRAILERS = { 'x-sum': '7', 'x-head': 'again', 'set-cookie': 'a=1', 'content-type': 'a/b', host: 'other' };

/** Upstream of HTTP/1.1 whose response has trailers, with `content-length` where the path says so. */
function withTrailers(request: IncomingMessage, response: ServerResponse): void {
  const framing = request.url === '/length' ? { 'content-length': '4' } : { trailer: 'x-sum' };
  response.writeHead(200, { 'x-head': '1', ...framing });
  response.write('bo');
  if (request.url !== '/length') response.addTrailers(TRAILERS);
  response.end('dy');
}

interface Got {
  readonly body: string;
  readonly trailers: readonly string[];
}

async function overHttp1(url: string, te: string | undefined): Promise<Got> {
  const request = requestHttp(url, { headers: te === undefined ? {} : { te, connection: 'te' } }).end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let body = '';
  response.setEncoding('utf8').on('data', (part: string) => (body += part));
  await once(response, 'end');
  return { body, trailers: response.rawTrailers };
}

async function overHttp2(url: string, path = '/', headers: OutgoingHttpHeaders = {}): Promise<Got> {
  const session = connect(url);
  onTestFinished(() => session.destroy());
  const stream = session.request({ ':path': path, ...headers });
  let body = '';
  let trailers: string[] = [];
  stream.setEncoding('utf8').on('data', (part: string) => (body += part));
  stream.on('trailers', (got: IncomingHttpHeaders) => {
    trailers = Object.entries(got).flatMap(([name, value]) => [name, String(value)]);
  });
  await once(stream, 'close');
  return { body, trailers };
}

/** Upstream of HTTP/2 that answers with the trailers that it got, as its trailers. */
async function http2Upstream(): Promise<GatewayOptions['upstreams']> {
  const server = createServer();
  server.on('stream', (stream: ServerHttp2Stream) => {
    let got: IncomingHttpHeaders = {};
    stream.on('trailers', (trailers: IncomingHttpHeaders) => (got = trailers)).resume();
    stream.once('end', () => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.once('wantTrailers', () => stream.sendTrailers({ ...got, 'x-last': '1' }));
      stream.end('done');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return { api: { targets: [`http://127.0.0.1:${port}`], protocol: 'http2' } };
}

const h2c = { h2c: true };

describe('trailers of responses', () => {
  test.each(['grpc', 'none'] as const)('do not pass by default: %s', async (trailers) => {
    const { url } = await setup({}, { trailers }, withTrailers, h2c);
    expect(await overHttp1(url, 'trailers')).toEqual({ body: 'body', trailers: [] });
    expect(await overHttp2(url)).toEqual({ body: 'body', trailers: [] });
  });

  test('pass with response, but no name of the head, of framing, routing or authentication', async () => {
    const { url } = await setup({}, { trailers: 'response' }, withTrailers, h2c);
    expect(await overHttp2(url)).toEqual({ body: 'body', trailers: ['x-sum', '7'] });
    expect(await overHttp1(url, 'trailers')).toEqual({ body: 'body', trailers: ['x-sum', '7'] });
    // a client that does not ask for them
    expect(await overHttp1(url, undefined)).toEqual({ body: 'body', trailers: [] });
    expect(await overHttp1(`${url}/length`, 'trailers')).toEqual({ body: 'body', trailers: [] });
    expect(await overHttp2(url, '/length')).toEqual({ body: 'body', trailers: [] });
  });

  test.each<[string, HeaderOp]>([
    ['set', { op: 'set', name: 'X-Sum', value: '8' }],
    ['removed', { op: 'remove', name: 'x_sum' }],
  ])('a name that an agent has %s never passes', async (_what, op) => {
    for (const type of ['requestHeaders', 'responseHeaders']) {
      const waf = (event: { readonly type: string }): Decision =>
        event.type === type ? { ...ALLOW, responseHeaders: [op] } : ALLOW;
      const { url } = await setup({ waf }, { trailers: 'response' }, withTrailers, h2c);
      expect((await overHttp2(url)).trailers).toEqual([]);
    }
  });

  test('follow a body that agents read or buffer', async () => {
    for (const responseBody of ['stream', 'buffer'] as const) {
      const waf = (): Decision => ({ ...ALLOW, needsMore: true });
      const { url } = await setup({ waf }, { trailers: 'response', responseBody }, withTrailers, h2c);
      expect(await overHttp2(url)).toEqual({ body: 'body', trailers: ['x-sum', '7'] });
      expect(await overHttp1(url, 'trailers'), responseBody).toEqual({ body: 'body', trailers: ['x-sum', '7'] });
    }
  });

  test('a route has its own', async () => {
    const routes = [{ pathPrefix: '/with', trailers: 'response' as const }, {}];
    const { url } = await setup({}, { routes }, withTrailers, h2c);
    expect((await overHttp2(url, '/with')).trailers).toEqual(['x-sum', '7']);
    expect((await overHttp2(url, '/other')).trailers).toEqual([]);
  });
});

describe('trailers of requests', () => {
  const CHUNKED = ['POST / HTTP/1.1', 'host: h', 'te: trailers', 'connection: close, te', 'transfer-encoding: chunked'];
  const post = (url: string): Promise<string> =>
    exchange(
      url,
      [
        ...CHUNKED,
        'x-user: me',
        '',
        '3',
        'abc',
        '0',
        'x-own: 1',
        'X-User: you',
        'x_own: 2',
        'authorization: x',
        '',
        '',
      ].join('\r\n'),
    );

  test('reach upstreams of HTTP/2 with both', async () => {
    const upstreams = await http2Upstream();
    const { url } = await setup({}, { upstream: 'api', upstreams, trailers: 'both' }, undefined, h2c);
    const answer = await post(url);
    expect(answer).toMatch(/done\r\n0\r\nx-own: 1\r\nx-last: 1\r\n\r\n$/);

    const session = connect(url);
    onTestFinished(() => session.destroy());
    const stream = session.request({ ':method': 'POST', ':path': '/' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-own': '2', cookie: 'a=1' }));
    stream.end('body');
    stream.resume();
    const [got] = (await once(stream, 'trailers')) as [IncomingHttpHeaders];
    expect(Object.entries(got)).toEqual(Object.entries({ 'x-own': '2', 'x-last': '1' }));
  });

  /** Upstream of HTTP/1.1 that answers with body and trailers as it got them. */
  const echo = (request: IncomingMessage, response: ServerResponse): void => {
    let body = '';
    request.setEncoding('utf8').on('data', (part: string) => (body += part));
    request.on('end', () => response.end(JSON.stringify({ body, trailers: request.rawTrailers })));
  };

  test('reach upstreams of HTTP/1.1 with both, after a body that is sent in chunks', async () => {
    const { url } = await setup({}, { trailers: 'both' }, echo, h2c);
    const sent = [JSON.stringify({ body: 'abc', trailers: ['x-own', '1'] })];
    // on one connection to the upstream, with requests that have none in between
    for (const round of [1, 2]) {
      expect(await post(url), String(round)).toContain(sent[0]);
      const plain = await fetch(url, { method: 'POST', body: 'abc' });
      expect(await plain.json()).toEqual({ body: 'abc', trailers: [] });
      expect(await (await fetch(url)).json()).toEqual({ body: '', trailers: [] });
    }
    const session = connect(url);
    onTestFinished(() => session.destroy());
    const stream = session.request({ ':method': 'POST', ':path': '/' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-own': '2', cookie: 'a=1' }));
    stream.end('body');
    let text = '';
    stream.setEncoding('utf8').on('data', (part: string) => (text += part));
    await once(stream, 'end');
    expect(JSON.parse(text)).toEqual({ body: 'body', trailers: ['x-own', '2'] });
  });

  test('do not reach upstreams of HTTP/1.1 without, with a length, or where an agent has removed the name', async () => {
    const none = JSON.stringify({ body: 'abc', trailers: [] });
    const { url } = await setup({}, { trailers: 'response' }, echo, h2c);
    expect(await post(url)).toContain(none);
    const waf = (): Decision => ({ ...ALLOW, requestHeaders: [{ op: 'remove', name: 'x-own' }] });
    const removing = await setup({ waf: { on: waf, events: ['requestHeaders'] } }, { trailers: 'both' }, echo, h2c);
    expect(await post(removing.url)).toContain(none);
    const reading = (): Decision => ({ ...ALLOW, needsMore: true });
    const buffering = await setup({ waf: reading }, { trailers: 'both', requestBody: 'buffer' }, echo, h2c);
    expect(await post(buffering.url)).toContain(none);
  });

  test('do not without', async () => {
    const upstreams = await http2Upstream();
    const { url } = await setup({}, { upstream: 'api', upstreams, trailers: 'response' }, undefined, h2c);
    expect(await post(url)).toMatch(/done\r\n0\r\nx-last: 1\r\n\r\n$/);
  });

  test('a name that an agent has removed does not come back', async () => {
    const upstreams = await http2Upstream();
    const waf = (): Decision => ({ ...ALLOW, requestHeaders: [{ op: 'remove', name: 'x-own' }] });
    const options = { upstream: 'api', upstreams, trailers: 'both' } as const;
    const { url } = await setup({ waf: { on: waf, events: ['requestHeaders'] } }, options, undefined, h2c);
    expect(await post(url)).toMatch(/done\r\n0\r\nx-last: 1\r\n\r\n$/);
  });
});

test('no spelling of a name that the head has, or that is forbidden, passes', () => {
  const name = fc.constantFrom('X-User', 'x_user', 'x.user', 'HOST', 'Transfer-Encoding', 'content_length', 'x-other');
  fc.assert(
    fc.property(fc.array(name), fc.boolean(), (names, noted) => {
      const filter = new TrailerFilter();
      if (noted) filter.note({ requestHeaders: [{ op: 'remove', name: 'x-user' }] });
      const head = noted ? [] : ['x-user', '1'];
      const passed = filter.pass(
        names.flatMap((one) => [one, 'v']),
        head,
      );
      expect(passed.filter((_part, at) => at % 2 === 0)).toEqual(names.filter((one) => one === 'x-other'));
    }),
  );
});
