import { once } from 'node:events';
import { createServer, request as send, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as textOf } from 'node:stream/consumers';
import { ALLOW, type Decision, type RequestBodyChunk } from '@agentwire/core';
import { agentMiddleware } from '@agentwire/middleware';
import express from 'express';
import express4 from 'express4';
import { expect, onTestFinished, test } from 'vitest';
import { poolWith } from './setup.ts';

/** Request as the application got it behind a body parser. */
interface Parsed {
  readonly body: string | undefined;
  readonly length?: string;
  readonly coding?: string;
}

/**
 * Posts a body in two parts, the second once the agent has decided on the first, to an application with a body parser.
 *
 * @param decide decision on the first part; the agent is asked about no other
 */
async function posted(
  create: typeof express,
  headers: Record<string, string>,
  parts: readonly [string, string],
  decide: (chunk: RequestBodyChunk) => Decision,
): Promise<Parsed> {
  let asked = 0;
  const pool = await poolWith(
    (event) => {
      if (event.type !== 'requestBodyChunk') return { ...ALLOW, needsMore: event.type === 'requestHeaders' };
      asked += 1;
      return decide(event);
    },
    undefined,
    {},
    { onFailure: 'open' },
  );
  const app = create();
  app.use(agentMiddleware({ pool, agents: ['waf'] }));
  // the rest is sent once the head was passed on
  const passedOn = Promise.withResolvers<void>();
  app.use((_request, _response, next) => {
    passedOn.resolve();
    next();
  });
  app.use(create.raw({ type: () => true, limit: '20mb' }));
  app.post('/', ({ body, headers: got }, response) => {
    const text = Buffer.isBuffer(body) ? body.toString() : undefined;
    response.json({ body: text, length: got['content-length'], coding: got['transfer-encoding'] });
  });
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  });
  const { port } = server.address() as AddressInfo;
  const client = send({ port, host: '127.0.0.1', method: 'POST', headers });
  client.write(parts[0]);
  await passedOn.promise;
  client.end(parts[1]);
  const [response] = (await once(client, 'response')) as [IncomingMessage];
  const answer: Buffer[] = [];
  for await (const part of response) answer.push(part as Buffer);
  expect(asked).toBe(1);
  return JSON.parse(Buffer.concat(answer).toString()) as Parsed;
}

const APPLICATIONS = [
  ['Express', express],
  ['Express 4', express4],
] as const;
const [FIRST, REST] = ['1'.repeat(500), '2'.repeat(500)];
const done = (): Decision => ({ ...ALLOW, needsMore: false });

test.each(APPLICATIONS)(
  '%s: a body whose rest comes after the agent is done is parsed whole',
  async (_name, create) => {
    const parsed = await posted(create, { 'content-length': '1000' }, [FIRST, REST], done);
    expect(parsed).toEqual({ body: FIRST + REST, length: '1000' });
  },
);

test('a body on whose first part the agent fails is parsed whole where its failures are open', async () => {
  const parsed = await posted(express, { 'content-length': '1000' }, [FIRST, REST], () => {
    throw new Error('the agent failed');
  });
  expect(parsed).toEqual({ body: FIRST + REST, length: '1000' });
});

test('a body whose first part was replaced has its new length before its rest has come', async () => {
  const parsed = await posted(express, { 'content-length': '1000' }, [FIRST, REST], ({ index }) => ({
    ...done(),
    requestBodyMutation: { index, data: Buffer.from('new ') },
  }));
  expect(parsed).toEqual({ body: `new ${REST}`, length: '504' });
});

test('a chunked body whose rest comes after the agent is done stays chunked', async () => {
  const parsed = await posted(express, { 'transfer-encoding': 'chunked' }, [FIRST, REST], done);
  expect(parsed).toEqual({ body: FIRST + REST, coding: 'chunked' });
});

test.each([
  ['a listener of checkContinue', true],
  ["node's own", false],
])('a client that waits for "100 Continue" gets it once where agents read its body, behind %s', async (_what, own) => {
  const pool = await poolWith((event) => ({ ...ALLOW, needsMore: event.type === 'requestHeaders' }));
  const judged = agentMiddleware({ pool, agents: ['waf'] });
  const server = createServer();
  server.on(own ? 'checkContinue' : 'request', (request: IncomingMessage, response: ServerResponse) =>
    judged(request, response, () => void request.pipe(response)),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const request = send({ port, method: 'POST', headers: { expect: '100-continue', 'content-length': '4' } });
  let continues = 0;
  request.on('information', () => (continues += 1));
  request.once('continue', () => request.end('body'));
  request.flushHeaders();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  expect([await textOf(response), continues]).toEqual(['body', 1]);
});
