import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { ALLOW, type Decision, type ProxyEvent } from '@agentwire/core';
import { agentMiddleware } from '@agentwire/middleware';
import { expect, onTestFinished, test } from 'vitest';
import { poolWith } from './setup.ts';

const judges = (): Decision => ALLOW;
const reads = ({ type }: ProxyEvent): Decision => ({ ...ALLOW, needsMore: type.startsWith('response') });

function codeOf(doing: () => unknown): string {
  try {
    doing();
    return 'nothing thrown';
  } catch (error) {
    return `${(error as Error).constructor.name} ${String((error as { code?: string }).code)}`;
  }
}

/** Whole response as it is on the wire, without what may differ: its date, and the order and case of headers that node adds. */
async function raw(handler: RequestListener, method: string): Promise<string> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.write(`${method} / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`);
  const [head = '', ...body] = (await text(socket)).split('\r\n\r\n');
  const lines = head
    .replace(/^date: .*\r\n/im, '')
    .replace(/^(connection|content-length|transfer-encoding):/gim, (name) => name.toLowerCase());
  return [...lines.split('\r\n').toSorted(), ...body].join('\r\n');
}

type Handler = (response: ServerResponse) => unknown;

/** Handlers whose responses say what their calls returned or threw. */
const HANDLERS: readonly [string, Handler][] = [
  ['a second head', (r) => r.writeHead(200, { a: '1' }) && r.end(codeOf(() => r.writeHead(201)))],
  [
    'headers behind the head',
    (r) => {
      const before = r.headersSent;
      r.write(`${before} ${r.headersSent} `);
      r.write(codeOf(() => r.setHeader('x-a', '1')) + codeOf(() => r.appendHeader('x-a', '1')));
      r.end(codeOf(() => r.removeHeader('x-a')) + codeOf(() => r.setHeaders(new Map([['x-a', '1']]))));
    },
  ],
  ['a status behind the head', (r) => Object.assign(r.writeHead(202), { statusCode: 500 }).end('x')],
  ['a status that is none', (r) => r.end(codeOf(() => r.writeHead(99)) + codeOf(() => r.writeHead(1000)))],
  [
    'a reason with a line break',
    (r) => {
      const code = codeOf(() => r.writeHead(200, 'a\nb'));
      r.statusMessage = 'OK';
      r.end(code);
    },
  ],
  [
    'chunks that are none',
    (r) => r.end(codeOf(() => r.write(null)) + codeOf(() => r.write(5)) + codeOf(() => r.end(5))),
  ],
  ['a name without value', (r) => r.setHeader('x-b', '1').end(codeOf(() => r.writeHead(200, ['x-a'])))],
  ['a value that is none', (r) => r.setHeader('x-b', '1').end(codeOf(() => r.writeHead(200, { a: undefined })))],
  [
    'a body longer than its length',
    (r) => {
      r.strictContentLength = true;
      r.writeHead(200, { 'content-length': '2' });
      const code = codeOf(() => r.write('long'));
      if (code === 'Error ERR_HTTP_CONTENT_LENGTH_MISMATCH') r.end('ok');
      else r.destroy();
    },
  ],
  [
    'a body shorter than its length',
    (r) => {
      r.strictContentLength = true;
      r.setHeader('content-length', '9');
      if (codeOf(() => r.end('short')).includes('MISMATCH')) r.destroy();
    },
  ],
  [
    'trailers behind a known length',
    (r) => {
      r.setHeader('trailer', 'x-t');
      const code = codeOf(() => r.writeHead(200, { 'content-length': '37' }));
      r.removeHeader('trailer');
      r.end(code);
    },
  ],
  ['a trailer that does not come', (r) => (r.req.method === 'GET' ? r.setHeader('trailer', 'x-t').end('a') : r.end())],
  ['an end alone', (r) => r.end()],
  ['a length that node adds', (r) => r.writeHead(200, { 'X-Case': 'Kept' }) && r.end('body')],
  ['an implicit head', (r) => Object.assign(r, { statusCode: 299, statusMessage: 'Odd' }).end('body')],
  ['headers that repeat', (r) => r.writeHead(200, ['x-a', '1', 'X-B', ['2', '3'], 'x-a', '4'] as never).end('body')],
  [
    'a write behind the end',
    (r) => {
      r.on('error', () => undefined);
      r.end('a');
      r.write('b', () => undefined);
      r.end('c');
    },
  ],
  ['callbacks', (r) => r.write('a', () => r.write('b', 'utf8', () => r.end('c', () => undefined)))],
  [
    'a flushed head',
    (r) => {
      r.flushHeaders();
      setImmediate(() => r.end('late'));
    },
  ],
];

test.each(HANDLERS)('%s: as without agents', async (_name, handler) => {
  const agents = agentMiddleware({ pool: await poolWith(judges), agents: ['waf'] });
  for (const method of ['GET', 'HEAD']) {
    const wanted = await raw((_request, response) => void handler(response), method);
    const judged = await raw((request, response) => agents(request, response, () => void handler(response)), method);
    expect(judged).toBe(wanted);
  }
});

test('a body that is read has one framing, and a flushed head does not wait where it is not read', async () => {
  const pool = await poolWith(reads);
  const agents = agentMiddleware({ pool, agents: ['waf'] });
  const chunked = await raw(
    (request, response) =>
      agents(request, response, () => void response.setHeader('transfer-encoding', 'chunked').end('body')),
    'GET',
  );
  expect(chunked).toMatch(/content-length: 4\b/);
  expect(chunked).not.toMatch(/transfer-encoding/i);

  const heads = agentMiddleware({ pool: await poolWith(judges), agents: ['waf'] });
  const server = createServer((request, response) => heads(request, response, () => response.flushHeaders()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  const [head] = (await once(socket, 'data')) as [Buffer];
  expect(head.toString()).toMatch(/^HTTP\/1.1 200 OK\r\n/);
});

test('what an application still writes after a block is dropped: its callbacks are called, and nothing is thrown', async () => {
  const pool = await poolWith(({ type }) =>
    type === 'responseHeaders' ? { verdict: { type: 'block', status: 451, body: 'not this' } } : ALLOW,
  );
  const agents = agentMiddleware({ pool, agents: ['waf'] });
  const done = Promise.withResolvers<unknown[]>();
  const answer = await raw((request, response) => {
    const results: unknown[] = [];
    agents(request, response, () => {
      response.write('first', (error) => {
        results.push((error as { code?: string } | null)?.code, response.headersSent, response.write('second'));
        response.write('third', (late) => {
          results.push((late as { code?: string } | null)?.code);
          response.end('end', () => done.resolve(results));
        });
      });
    });
  }, 'GET');
  expect(answer).toMatch(/HTTP\/1.1 451 [\s\S]*not this$/);
  expect(await done.promise).toEqual(['ERR_STREAM_DESTROYED', true, false, 'ERR_STREAM_DESTROYED']);
});
