import { describe, expect, test } from 'vitest';
import { allow, block, drop, pass, replace, type IncomingChunk } from '../../src/index.ts';
import { RELEASED } from '../fake-connection.ts';
import { chunk, head, response, responseChunk, settled } from '../events.ts';
import { start } from '../runtime/start.ts';

const ALLOW = { verdict: { type: 'allow' } };
const MORE = { verdict: { type: 'allow' }, needsMore: true };
const judge = ({ data }: IncomingChunk): ReturnType<typeof allow> =>
  Buffer.from(data).includes('evil') ? block(403) : allow();

describe('deciding on each chunk', () => {
  test('places pass, drop and replace, and asks for more until the last', async () => {
    const at = start({
      onRequestBodyChunk: ({ data }) => (data[0] === 112 ? pass() : data[0] === 100 ? drop() : replace('new')),
      onResponseBodyChunk: () => replace('out').needsMoreBody(false),
    }).connect();
    at.receive(head(1));
    at.receive(chunk(1, 0, 'pass', false));
    at.receive(chunk(1, 1, 'drop', false));
    at.receive(chunk(1, 2, 'old', true));
    at.receive(response(1));
    at.receive(responseChunk(1, 0, 'in', false));
    expect(at.answers).toEqual([
      MORE,
      { ...MORE, requestBodyMutation: { index: 0, data: null } },
      { ...MORE, requestBodyMutation: { index: 1, data: new Uint8Array(0) } },
      {
        verdict: { type: 'allow' },
        needsMore: false,
        requestBodyMutation: { index: 2, data: new TextEncoder().encode('new') },
      },
      MORE,
      {
        verdict: { type: 'allow' },
        needsMore: false,
        responseBodyMutation: { index: 0, data: new TextEncoder().encode('out') },
      },
    ]);
  });

  test('is told the length of the body and how much of it has come, where the proxy knows them', () => {
    const seen: Partial<IncomingChunk>[] = [];
    const see = ({ index, totalSize, bytesTransferred }: IncomingChunk): ReturnType<typeof allow> => {
      seen.push({ index, totalSize, bytesTransferred });
      return allow();
    };
    const at = start({ onRequestBodyChunk: see, onResponseBodyChunk: see }).connect();
    at.receive(head(1));
    at.receive({ ...chunk(1, 0, 'ab', false), totalSize: 5, bytesTransferred: 2 });
    at.receive({ ...chunk(1, 1, 'cde', true), totalSize: 5, bytesTransferred: 5 });
    at.receive(response(1));
    at.receive(responseChunk(1, 0, 'in', true));
    expect(seen).toEqual([
      { index: 0, totalSize: 5, bytesTransferred: 2 },
      { index: 1, totalSize: 5, bytesTransferred: 5 },
      { index: 0, totalSize: undefined, bytesTransferred: undefined },
    ]);
  });

  test('sees every chunk while it allows, whatever the head was answered', async () => {
    const heads = [undefined, () => allow(), async () => allow(), () => allow().setRequestHeader('a', '1').freeze()];
    for (const onRequestHeaders of heads) {
      const at = start({ ...(onRequestHeaders && { onRequestHeaders }), onRequestBodyChunk: judge }).connect();
      at.receive(head(1));
      await settled();
      at.receive(chunk(1, 0, 'good', false));
      at.receive(chunk(1, 1, 'evil', false));
      at.receive(head(2));
      await settled();
      at.receive(chunk(2, 0, 'good', true));
      expect(at.answers.slice(0, 3)).toMatchObject([MORE, MORE, { verdict: { type: 'block' } }]);
      expect(at.answers[4]).toEqual(ALLOW);
    }
  });

  test('sees every chunk of a response too', () => {
    const at = start({ onResponseHeaders: () => allow(), onResponseBodyChunk: judge }).connect();
    at.receive(head(1));
    at.receive(response(1));
    at.receive(responseChunk(1, 0, 'good', false));
    at.receive(responseChunk(1, 1, 'evil', true));
    expect(at.answers).toMatchObject([ALLOW, MORE, MORE, { verdict: { type: 'block' } }]);
  });

  test('ends with done(), at the head or at a chunk, in the bytes of a plain allow', () => {
    const at = start({
      onRequestHeaders: (request) => (request.path === '/skip' ? allow().done() : allow()),
      onRequestBodyChunk: () => allow().done(),
      onResponseHeaders: () => allow(),
      onResponseBodyChunk: () => replace('x').done(),
    }).connect();
    at.receive(head(1, { uri: '/skip' }));
    at.receive(head(2));
    at.receive(chunk(2, 0, 'abc', false));
    at.receive(response(2));
    at.receive(responseChunk(2, 0, 'abc', false));
    expect(at.answers).toEqual([
      ALLOW,
      MORE,
      ALLOW,
      MORE,
      { ...ALLOW, needsMore: false, responseBodyMutation: { index: 0, data: new TextEncoder().encode('x') } },
    ]);
  });

  test('does not ask where there is no body, nor where the handler of the head has read it', async () => {
    const at = start({
      onRequestHeaders: async (request) => (request.path === '/read' ? (await request.bytes(), allow()) : allow()),
      onRequestBodyChunk: () => block(),
    }).connect();
    at.receive(head(1, { hasBody: false }));
    await settled();
    at.receive(head(2, { uri: '/read' }));
    await settled();
    at.receive(chunk(2, 0, 'abc', true));
    await settled();
    expect(at.answers).toEqual([ALLOW, MORE, ALLOW]);
  });

  test('asks with the same object for the same frozen decision, which is encoded once', () => {
    const constant = allow().withTag('seen').freeze();
    const at = start({ onRequestHeaders: () => constant, onRequestBodyChunk: () => allow() }).connect();
    for (const id of [1, 2]) at.receive(head(id));
    expect(at.answers[0]).toMatchObject({ ...MORE, audit: { tags: ['seen'] } });
    expect(at.answers[1]).toBe(at.answers[0]);
  });

  test('asks for more by default after any allow, and never after a block', () => {
    const at = start({
      onRequestHeaders: (request) => (request.path === '/b' ? block() : { verdict: { type: 'allow' } }),
      onRequestBodyChunk: () => ({ verdict: { type: 'allow' }, needsMore: false }),
    }).connect();
    at.receive(head(1));
    at.receive(chunk(1, 0, 'abc', false));
    at.receive(head(2, { uri: '/b' }));
    expect(at.answers).toEqual([MORE, { ...ALLOW, needsMore: false }, { verdict: { type: 'block', status: 403 } }]);
  });
});

describe('a chunk that overtakes the handler of its head, behind the released proxy', () => {
  const late = (verdict: ReturnType<typeof allow>, gate: Promise<void>, told: string[]) => ({
    onRequestHeaders: async (_: unknown, { signal }: { signal: AbortSignal }) => {
      signal.addEventListener('abort', () => told.push('aborted'));
      await gate;
      return verdict;
    },
    onRequestBodyChunk: judge,
  });

  test.each(['the same connection', 'another one'])('goes to its own handler at once, on %s', async (where) => {
    const told: string[] = [];
    const gate = Promise.withResolvers<void>();
    const { connect } = start({ ...late(allow(), gate.promise, told), onResponseHeaders: () => allow() });
    const first = connect(RELEASED);
    const second = where === 'another one' ? connect({ ...RELEASED }) : first;
    first.receive(head('c'));
    const event = where === 'another one' ? response('c') : chunk('c', 0, 'evil', false, 100);
    second.receive(event);
    await settled();
    expect(told).toEqual(['aborted']);
    const expected = where === 'another one' ? ALLOW : { verdict: { type: 'block' } };
    expect(second.answers).toMatchObject([expected]);
    gate.resolve();
    await settled();
    expect([...new Set([...first.answers, ...second.answers])]).toMatchObject([expected]);
  });

  test('is not answered with an allow that came too late, but with a block', async () => {
    for (const verdict of [allow(), block(451)]) {
      const gate = Promise.withResolvers<void>();
      const { connect } = start({ ...late(verdict, gate.promise, []) });
      const at = connect(RELEASED);
      at.receive(head('c'));
      at.receive(chunk('c', 0, 'good', false, 100));
      await settled();
      gate.resolve();
      await settled();
      at.receive(chunk('c', 1, 'evil', false, 100));
      const status = verdict.verdict.type === 'allow' ? 403 : 451;
      expect(at.answers.at(-1)).toMatchObject({ verdict: { type: 'block', status } });
    }
  });
});

test('an event on another connection of a peer that waits for every answer does not occupy a slot permanently', async () => {
  const gate = Promise.withResolvers<void>();
  const { connect, runtime } = start({
    requestBody: true,
    onRequestHeaders: async () => (await gate.promise, allow()),
  });
  const peer = { ...RELEASED, name: 'another', protocolVersions: [1] };
  const [first, second] = [connect(peer), connect(peer)];
  first.receive(head('c'));
  second.receive(chunk('c', 0, 'abc', true));
  await settled();
  expect(first.answers).toMatchObject([{ verdict: { type: 'block', status: 500 } }]);
  gate.resolve();
  await settled();
  expect(second.answers).toMatchObject([ALLOW]);
  expect(runtime.limiter).toMatchObject({ running: 0, undecided: 0 });
});
