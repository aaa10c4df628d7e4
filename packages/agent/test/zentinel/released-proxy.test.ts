import { describe, expect, test } from 'vitest';
import { allow, block, drop, replace, type IncomingRequest, type IncomingResponse } from '../../src/index.ts';
import { OURS, RELEASED } from '../fake-connection.ts';
import { chunk, head, response, responseChunk, settled } from '../events.ts';
import { start } from '../runtime/start.ts';

const ANOTHER = { ...RELEASED, name: 'another' };
const ALLOW = { verdict: { type: 'allow' } };

describe('requests of the zentinel dialect', () => {
  const tagging = {
    onRequestHeaders: () => allow(),
    onResponseHeaders: (_: unknown, context: { request: { uri: string } | undefined; ambiguous: boolean }) =>
      allow().withTag(`${context.request?.uri} ${context.ambiguous}`),
  };

  test('are known on every connection of the process', () => {
    const { connect, runtime } = start(tagging);
    const [first, second] = [connect(RELEASED), connect(RELEASED)];
    first.receive(head('c', { uri: '/known' }));
    second.receive(response('c'));
    expect(second.answers).toMatchObject([{ audit: { tags: ['/known false'] } }]);
    expect(runtime.scopes.tracked).toBe(0);
  });

  test('are distinguished by proxy', () => {
    const { connect } = start(tagging);
    connect(RELEASED).receive(head('c', { uri: '/one' }));
    const other = connect({ ...RELEASED, name: 'other-proxy' });
    other.receive(response('c'));
    expect(other.answers).toMatchObject([{ audit: { tags: ['undefined false'] } }]);
  });

  test('are ambiguous while several have one id, and clear again when all are over', () => {
    const { connect, runtime } = start(tagging);
    const [first, second] = [connect(RELEASED), connect(RELEASED)];
    first.receive(head('c', { uri: '/one' }));
    second.receive(head('c', { uri: '/two' }));
    first.receive(response('c'));
    second.receive(response('c'));
    expect(first.answers[1]).toMatchObject({ audit: { tags: ['undefined true'] } });
    expect(second.answers[1]).toMatchObject({ audit: { tags: ['undefined true'] } });
    expect(runtime.scopes.tracked).toBe(0);
    first.receive(head('c', { uri: '/three' }));
    second.receive(response('c'));
    expect(second.answers[2]).toMatchObject({ audit: { tags: ['/three false'] } });
  });

  test('are over when they were blocked', () => {
    const { connect, runtime } = start({ ...tagging, onRequestHeaders: () => block() });
    connect(RELEASED).receive(head('c'));
    expect(runtime.scopes.tracked).toBe(0);
  });

  test.each([
    ['at once', (): unknown => allow().needsMoreBody(true)],
    ['later', (): unknown => Promise.resolve(allow().needsMoreBody(true))],
  ])('last until the empty chunk that was asked for of a response without a body (%s)', async (_, decide) => {
    const seen: unknown[] = [];
    const { connect, runtime } = start<string>({
      responseBody: true,
      onRequestHeaders: (request, context) => ((context.state = request.path), allow()),
      onResponseHeaders: decide as () => ReturnType<typeof allow>,
      onResponseBodyChunk: (_chunk, context) => (seen.push(context.request?.uri, context.state), allow()),
    });
    const at = connect(ANOTHER);
    for (const id of ['a', 'b']) at.receive(head(id, { uri: `/${id}` }));
    at.receive({ ...response('a', 204), headers: [], hasBody: false });
    await settled();
    expect(runtime.scopes.tracked).toBe(2);
    at.receive(responseChunk('a', 0, '', true));
    await settled();
    expect(seen).toEqual(['/a', '/a']);
    expect(runtime.scopes.tracked).toBe(1);
  });

  test('end once, also if the event that ends one is refused', async () => {
    const { connect, runtime } = start({
      responseBody: true,
      onRequestHeaders: () => allow(),
      onResponseBodyChunk: async () => block(),
    });
    const [first, second] = [connect(ANOTHER), connect(ANOTHER)];
    first.receive(head('a'));
    first.receive(response('a'));
    first.receive(responseChunk('a', 0, 'bad', true));
    second.receive(head('a', { uri: '/next' }));
    await settled();
    expect(runtime.scopes.tracked).toBe(1);
  });

  test('are stored apart once they are over, for a proxy that may report the end, within the same limits', () => {
    const seen: unknown[] = [];
    const { connect, runtime, clock } = start<string>({
      onRequestHeaders: (request, context) => ((context.state = request.path), block()),
      onRequestComplete: (_, context) => void seen.push(context.state, context.ambiguous),
      maxTrackedRequests: 2,
      requestStateTtlMs: 1_000,
    });
    const at = connect(ANOTHER);
    const sizes = { durationMs: 1, requestBodySize: 0, responseBodySize: 0, upstreamAttempts: 0 };
    const complete = (id: string): void => at.receive({ type: 'requestComplete', id, status: 403, ...sizes });
    for (const id of ['a', 'b', 'c']) at.receive(head(id, { uri: `/${id}` }));
    expect(runtime.scopes.tracked).toBe(2);
    for (const id of ['a', 'b']) complete(id);
    expect(seen).toEqual([undefined, false, '/b', false]);
    at.receive(head('c', { uri: '/again' }));
    complete('c');
    expect(seen.slice(4)).toEqual([undefined, true]);
    clock.advance(1_000);
    complete('c');
    expect(seen.slice(6)).toEqual([undefined, false]);
    expect(runtime.scopes.tracked).toBe(0);
    connect(RELEASED).receive(head('d'));
    expect(runtime.scopes.tracked).toBe(0);
    at.receive(head('e'));
    complete('e\0');
    expect(seen.slice(8)).toEqual([undefined, false]);
  });

  test('are evicted by age and by number', () => {
    const { connect, runtime, clock } = start({ ...tagging, maxTrackedRequests: 2, requestStateTtlMs: 1_000 });
    const at = connect(RELEASED);
    for (const id of ['a', 'b', 'c']) at.receive(head(id, { uri: `/${id}` }));
    expect(runtime.scopes.tracked).toBe(2);
    at.receive(response('a'));
    at.receive(response('c'));
    expect(at.answers.slice(3)).toMatchObject([
      { audit: { tags: ['undefined false'] } },
      { audit: { tags: ['/c false'] } },
    ]);
    clock.advance(1_000);
    at.receive(response('b'));
    expect(at.answers[5]).toMatchObject({ audit: { tags: ['undefined false'] } });
    expect(runtime.scopes.tracked).toBe(0);
  });
});

describe('the released proxy', () => {
  test('gets no late answer: the decision answers the event that overtook it', async () => {
    const gate = Promise.withResolvers<void>();
    const at = start({ onRequestHeaders: async () => (await gate.promise, block(403)) }).connect(RELEASED);
    at.receive(head('c'));
    at.receive(chunk('c', 0, 'abc', true, 3));
    gate.resolve();
    await settled();
    expect(at.answers).toEqual([{ verdict: { type: 'block', status: 403 } }]);
  });

  test('gets no late answer when the response came on another connection', async () => {
    const gate = Promise.withResolvers<void>();
    const { connect } = start({
      onRequestHeaders: async () => (await gate.promise, block(403)),
      onResponseHeaders: () => allow().withTag('response'),
    });
    const [first, second] = [connect(RELEASED), connect(RELEASED)];
    first.receive(head('c'));
    second.receive(response('c'));
    gate.resolve();
    await settled();
    expect(first.answers).toEqual([]);
    expect(second.answers).toMatchObject([{ audit: { tags: ['response'] } }]);
  });

  test('differs from other peers of the dialect, which get every answer', async () => {
    const gate = Promise.withResolvers<void>();
    const at = start({ onRequestHeaders: async () => (await gate.promise, block(403)) }).connect({
      ...RELEASED,
      name: 'test',
    });
    at.receive(head('c'));
    at.receive(chunk('c', 0, 'abc', true));
    gate.resolve();
    await settled();
    expect(at.answers).toHaveLength(2);
  });

  test('may send a body before the handler asks for it, and none of it goes unread', async () => {
    const gate = Promise.withResolvers<void>();
    const at = start({
      requestBody: true,
      async onRequestHeaders(request) {
        await gate.promise;
        return (await request.text()).includes('attack') ? block(403) : allow();
      },
    }).connect(RELEASED);
    at.receive(head('c'));
    at.receive(chunk('c', 0, 'attack', true));
    await settled();
    expect(at.answers).toEqual([]);
    gate.resolve();
    await settled();
    expect(at.answers).toEqual([{ verdict: { type: 'block', status: 403 } }]);
  });

  test('truncates a body, which blocks a handler that reads the whole, and is marked for others', async () => {
    const whole = start({
      requestBody: true,
      onRequestHeaders: async (request) => (await request.bytes(), allow()),
    }).connect(RELEASED);
    whole.receive(head('c'));
    await settled();
    whole.receive(chunk('c', 0, 'abc', false, 3));
    await settled();
    expect(whole.answers[1]).toMatchObject({ verdict: { type: 'block', status: 413 } });
    const tolerant = start({
      requestBody: true,
      onRequestHeaders: async (request) =>
        allow().withTag(await request.text({ allowTruncated: true }), `${request.body.truncated}`),
    }).connect(RELEASED);
    tolerant.receive(head('c'));
    await settled();
    tolerant.receive(chunk('c', 0, 'abc', false, 3));
    await settled();
    expect(tolerant.answers[1]).toMatchObject({ audit: { tags: ['abc', 'true'] } });
    const chunks = start({ onRequestBodyChunk: ({ truncated, last }) => allow().withTag(`${truncated} ${last}`) });
    const at = chunks.connect(RELEASED);
    at.receive(head('c'));
    at.receive(chunk('c', 0, 'abc', false, 3));
    expect(at.answers[1]).toMatchObject({ audit: { tags: ['true true'] } });
    for (const peer of [OURS, { ...RELEASED, name: 'another' }]) {
      const other = chunks.connect(peer);
      other.receive(head(1));
      other.receive(chunk(1, 0, 'abc', false, 3));
      other.receive(chunk(1, 1, '', true, 3));
      expect(other.answers.slice(1)).toMatchObject([
        { needsMore: true, audit: { tags: ['false false'] } },
        { audit: { tags: ['false true'] } },
      ]);
    }
  });

  test('may send a response in pieces over three connections, and its handler reads all of it', async () => {
    const { connect, runtime } = start({
      responseBody: true,
      onResponseHeaders: async (incoming, context) =>
        allow().withTag(`${context.request?.path} ${await incoming.text()}`),
    });
    const [first, second, third] = [connect(RELEASED), connect(RELEASED), connect(RELEASED)];
    first.receive(head('c'));
    second.receive(response('c'));
    await settled();
    third.receive(responseChunk('c', 0, 'abc', true));
    await settled();
    expect(second.answers).toMatchObject([{ needsMore: true }]);
    expect(third.answers).toMatchObject([{ audit: { tags: ['/a abc'] }, responseBodyMutation: { index: 0 } }]);
    expect(runtime.scopes.tracked).toBe(0);
  });

  test('gets the bytes of a response chunk in the answer, changed or not', async () => {
    const at = start({ onRequestHeaders: () => allow() }).connect(RELEASED);
    at.receive(responseChunk('c', 0, 'abc', true));
    expect(at.answers).toEqual([{ ...ALLOW, responseBodyMutation: { index: 0, data: Buffer.from('abc') } }]);
    const changing = start({ onResponseBodyChunk: async () => replace('new') }).connect(RELEASED);
    changing.receive(responseChunk('c', 0, 'abc', true));
    await settled();
    expect(changing.answers).toMatchObject([{ responseBodyMutation: { data: new TextEncoder().encode('new') } }]);
  });

  test('gets a space for a chunk that is dropped, and a head without a length where chunks may be replaced', () => {
    const dropping = {
      onResponseHeaders: (incoming: IncomingResponse) => (incoming.status === 201 ? allow().done() : allow()),
      onResponseBodyChunk: () => drop(),
    };
    const at = start(dropping).connect(RELEASED);
    at.receive(response('c'));
    at.receive(responseChunk('c', 0, 'abc', false));
    at.receive(responseChunk('c', 1, '', true));
    at.receive(response('d', 201));
    const without = { responseHeaders: [{ op: 'remove', name: 'content-length' }] };
    expect(at.answers).toMatchObject([
      { needsMore: true, ...without },
      { responseBodyMutation: { data: Uint8Array.of(0x20) } },
      { responseBodyMutation: { data: new Uint8Array(0) } },
      ALLOW,
    ]);
    expect(at.answers[3]).not.toMatchObject(without);
    const ours = start(dropping).connect(OURS);
    ours.receive(head(1));
    ours.receive(response(1));
    ours.receive(responseChunk(1, 0, 'abc', true));
    expect(ours.answers[1]).not.toMatchObject(without);
    expect(ours.answers[2]).toMatchObject({ responseBodyMutation: { data: new Uint8Array(0) } });
  });

  test('never gets an allow for a body that a handler was told would not arrive', async () => {
    const asks = start({ requestBody: true, onRequestHeaders: (request) => (request.hasBody ? block() : allow()) });
    const reads = start({ requestBody: true, onRequestHeaders: async (request) => (await request.bytes(), allow()) });
    for (const { connect } of [asks, reads]) {
      const at = connect(RELEASED);
      const event = head('c', { method: 'GET', headers: [], hasBody: undefined });
      at.receive({ ...event, metadata: { ...event.metadata, protocol: 'HTTP/2' } });
      await settled();
      at.receive(chunk('c', 0, 'attack', true));
      expect(at.answers).toMatchObject([{ verdict: { type: 'allow' } }, { verdict: { type: 'block', status: 500 } }]);
    }
  });

  test('never gets an allow for a chunk without a reader', () => {
    const { connect } = start({
      requestBody: true,
      onRequestHeaders: async (request) => (await request.text(), allow()),
    });
    const at = connect(RELEASED);
    at.receive(chunk('unknown', 0, 'abc', true));
    expect(at.answers).toMatchObject([{ verdict: { type: 'block', status: 500 } }]);
  });
});

test('never applies an empty configuration of a third-party peer', () => {
  const configs: unknown[] = [];
  const { connect } = start({ onConfigure: ({ config }) => void configs.push(config) });
  const [thirdParty, agentwire] = [connect(RELEASED), connect(OURS)];
  for (const config of [{}, null, { a: 1 }]) thirdParty.receive({ type: 'configure', id: 'c', config });
  agentwire.receive({ type: 'configure', id: 1, config: {} });
  expect(configs).toEqual([{ a: 1 }, {}]);
  expect(thirdParty.answers).toHaveLength(3);
});

describe('whether a body follows, where the dialect does not say', () => {
  test.each([
    ['POST', ['Content-Length', '3'], 'HTTP/1.1', true],
    ['POST', ['Content-Length', '0'], 'HTTP/1.1', false],
    ['POST', ['Transfer-Encoding', 'chunked'], 'HTTP/1.1', true],
    ['GET', [], 'HTTP/1.1', false],
    ['POST', [], 'HTTP/1.1', false],
    ['POST', [], 'HTTP/2', true],
    ['GET', [], 'HTTP/2', false],
    // one that waits for the decision on a body says that there is none, so nothing is lost by asking
    ['GET', [], 'HTTP/2', true, 'another'],
    ['GET', [], 'HTTP/1.1', false, 'another'],
    ['POST', ['Content-Length', '0'], 'HTTP/2', false, 'another'],
  ])('%s %j %s: %s', (method, headers, protocol, expected, name = RELEASED.name) => {
    const handlers = { onRequestHeaders: (request: IncomingRequest) => allow().withTag(`${request.hasBody}`) };
    const at = start(handlers).connect({ ...RELEASED, name });
    const event = head('c', { method, headers, hasBody: undefined });
    at.receive({ ...event, metadata: { ...event.metadata, protocol } });
    expect(at.answers).toMatchObject([{ audit: { tags: [`${expected}`] } }]);
  });
});
