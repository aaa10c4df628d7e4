import { ALLOW, AgentwireError, type Decision, FEATURES, type RequestId } from '@agentwire/core';
import type { ProxySessionOptions } from '@agentwire/core/session';
import { ProxySessionCore } from '@agentwire/core/session/internal';
import { createManualClock } from '@agentwire/core/testing';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chunk, headers, responseChunk } from './events.ts';
import { FakeConnection } from './fake-connection.ts';

type Setup = { connection: FakeConnection; session: ProxySessionCore; clock: ReturnType<typeof createManualClock> };

function setup(options: ProxySessionOptions = {}, of: ConstructorParameters<typeof FakeConnection>[1] = {}): Setup {
  const clock = createManualClock();
  const connection = new FakeConnection('proxy', of);
  const session = new ProxySessionCore(connection, { clock, keepalive: false, ...options });
  connection.open(session);
  return { connection, session, clock };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const tagged = (tag: string): Decision => ({ verdict: { type: 'allow' }, audit: { tags: [tag] } });
const lastId = (connection: FakeConnection): RequestId => connection.ofType('requestHeaders').at(-1)?.id ?? -1;

describe('one question, one outcome', () => {
  test('an answer resolves the question and frees its id', async () => {
    const { connection, session } = setup();
    const answer = session.request(headers);
    expect(session.inFlight).toBe(1);
    connection.receive({ type: 'answer', id: lastId(connection), decision: tagged('a') });
    expect(await answer).toEqual(tagged('a'));
    expect([session.inFlight, session.pending]).toEqual([0, 0]);
  });

  test('an id is never used twice, and a late answer settles nothing', async () => {
    const { connection, session, clock } = setup();
    const first = session.request(headers, { timeoutMs: 50 });
    const firstId = lastId(connection);
    const rejected = expect(first).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    clock.advance(80);
    await rejected;
    const second = session.request(headers);
    expect(lastId(connection)).not.toBe(firstId);
    connection.receive({ type: 'answer', id: firstId, decision: tagged('late') });
    expect(session.stats.lateAnswers).toBe(1);
    connection.receive({ type: 'answer', id: lastId(connection), decision: tagged('right') });
    expect(await second).toEqual(tagged('right'));
  });

  test('a deadline cancels with reason timeout, at most 20 ms late', async () => {
    const { connection, session, clock } = setup();
    const answer = session.request(headers, { timeoutMs: 100 });
    const rejected = expect(answer).rejects.toMatchObject({ code: 'ERR_TIMEOUT', retryable: true });
    clock.advance(99);
    expect(session.pending).toBe(1);
    clock.advance(21);
    await rejected;
    expect(connection.ofType('cancel')).toMatchObject([{ reason: 'timeout' }]);
    expect(clock.pendingTimers).toBe(0);
  });

  test('an abort cancels, and an aborted signal sends nothing', async () => {
    const { connection, session } = setup();
    const controller = new AbortController();
    const answer = session.request(headers, { signal: controller.signal });
    controller.abort(new Error('gone'));
    await expect(answer).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    expect(connection.ofType('cancel')).toHaveLength(1);
    await expect(session.request(headers, { signal: controller.signal })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
    expect(connection.ofType('requestHeaders')).toHaveLength(1);
    expect(session.inFlight).toBe(0);
  });

  test('answers of one request come in the order of its questions', async () => {
    const { connection, session } = setup();
    const exchange = session.open();
    const answers = Promise.all([exchange.ask(headers), exchange.ask(chunk(0)), exchange.ask(chunk(1, true))]);
    for (const tag of ['h', 'c0', 'c1']) connection.receive({ type: 'answer', id: exchange.id, decision: tagged(tag) });
    expect((await answers).map((decision) => decision.audit?.tags?.[0])).toEqual(['h', 'c0', 'c1']);
    exchange.end();
    expect(session.inFlight).toBe(0);
  });

  test('the death of the connection fails everything at once with ERR_CLOSED', async () => {
    const { connection, session, clock } = setup();
    const all = Promise.allSettled(Array.from({ length: 20 }, () => session.request(headers)));
    connection.die();
    for (const outcome of await all)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'ERR_CLOSED' } });
    expect(() => session.open()).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
    expect([session.pending, session.inFlight, clock.pendingTimers]).toEqual([0, 0, 0]);
  });

  test('an undecodable answer fails its own request and no other', async () => {
    const { connection, session } = setup();
    const [one, two] = [session.request(headers), session.request(headers)];
    const [first, second] = connection.ofType('requestHeaders');
    const error = new AgentwireError('ERR_PROTOCOL', 'not a decision');
    connection.receive({ type: 'malformed', of: 'answer', id: first?.id, error });
    connection.receive({ type: 'answer', id: second?.id ?? -1, decision: ALLOW });
    await expect(one).rejects.toMatchObject({ code: 'ERR_PROTOCOL' });
    expect(await two).toBe(ALLOW);
  });

  test('an agent that says that it could not decide is an error with its code, never its verdict', async () => {
    const { connection, session } = setup();
    const answer = session.request(headers);
    const decision: Decision = { verdict: { type: 'allow' }, error: { code: 'ERR_OVERLOADED', message: 'busy' } };
    connection.receive({ type: 'answer', id: lastId(connection), decision });
    await expect(answer).rejects.toMatchObject({ code: 'ERR_OVERLOADED', detail: { byAgent: true } });
  });

  test('what cannot be sent fails alone and leaves nothing behind', async () => {
    const { connection, session } = setup();
    connection.failNext = new AgentwireError('ERR_MESSAGE_TOO_LARGE', 'too long');
    await expect(session.request(headers)).rejects.toMatchObject({ code: 'ERR_MESSAGE_TOO_LARGE' });
    expect([session.inFlight, session.pending]).toEqual([0, 0]);
  });

  test.each<readonly [string, Decision]>([
    ['chunk 3 of the request body', { verdict: ALLOW.verdict, requestBodyMutation: { index: 3, data: null } }],
    ['chunk 2 of the response body', { verdict: ALLOW.verdict, responseBodyMutation: { index: 2, data: null } }],
    [
      'chunk 2 of both bodies',
      {
        verdict: ALLOW.verdict,
        requestBodyMutation: { index: 2, data: null },
        responseBodyMutation: { index: 2, data: null },
      },
    ],
  ])('a mutation of %s does not answer chunk 2 of the request body', async (_, decision) => {
    const { connection, session } = setup();
    const exchange = session.open();
    const answer = exchange.ask(chunk(2));
    connection.receive({ type: 'answer', id: exchange.id, decision });
    await expect(answer).rejects.toMatchObject({ code: 'ERR_PROTOCOL' });
    expect([exchange.ended, connection.status]).toEqual([false, 'open']);
  });

  test('a body mutation answers no event but the chunk that it names', async () => {
    const { connection, session } = setup();
    const requestBodyMutation = { index: 0, data: new Uint8Array(0) };
    const exchange = session.open();
    const [head, own, response] = [exchange.ask(headers), exchange.ask(chunk(0)), exchange.ask(responseChunk(0))];
    for (let i = 0; i < 3; i++)
      connection.receive({
        type: 'answer',
        id: exchange.id,
        decision: { verdict: ALLOW.verdict, requestBodyMutation },
      });
    await expect(head).rejects.toMatchObject({ code: 'ERR_PROTOCOL' });
    expect((await own).requestBodyMutation).toEqual(requestBodyMutation);
    await expect(response).rejects.toMatchObject({ code: 'ERR_PROTOCOL' });
  });

  test('an older BodyMutation answers the oldest chunk of its index', async () => {
    const { connection, session } = setup();
    const exchange = session.open();
    const answer = exchange.ask(chunk(3));
    connection.receive({ type: 'bodyMutation', id: exchange.id, index: 3, data: new Uint8Array(0) });
    expect(await answer).toMatchObject({
      verdict: { type: 'allow' },
      requestBodyMutation: { index: 3, data: new Uint8Array(0) },
    });
  });

  test('one for a chunk that was not asked ends the request', async () => {
    const { connection, session } = setup();
    const exchange = session.open();
    const answer = exchange.ask(chunk(3));
    connection.receive({ type: 'bodyMutation', id: exchange.id, index: 2, data: null });
    await expect(answer).rejects.toMatchObject({ code: 'ERR_PROTOCOL' });
    expect(session.stats.unasked).toBe(1);
  });
});

describe('an answer to a live request that asks nothing', () => {
  const malformed = new AgentwireError('ERR_PROTOCOL', 'undecodable');

  test.each([
    ['an answer', (id: RequestId) => ({ type: 'answer', id, decision: ALLOW }) as const],
    ['an undecodable one', (id: RequestId) => ({ type: 'malformed', of: 'answer', id, error: malformed }) as const],
    ['a mutation', (id: RequestId) => ({ type: 'bodyMutation', id, index: 0, data: null }) as const],
  ])('ends it: what is asked later is ERR_PROTOCOL, and the agent is told (%s)', async (_, second) => {
    const { connection, session } = setup();
    const exchange = session.open();
    const answer = exchange.ask(headers);
    connection.receive({ type: 'answer', id: exchange.id, decision: ALLOW });
    expect(await answer).toBe(ALLOW);
    connection.receive(second(exchange.id));
    expect(exchange.ended).toBe(true);
    await expect(exchange.ask(chunk(0))).rejects.toMatchObject({ code: 'ERR_PROTOCOL' });
    expect(connection.ofType('cancel')).toMatchObject([{ id: exchange.id }]);
    expect(connection.ofType('requestBodyChunk')).toEqual([]);
    expect([session.stats.unasked, session.stats.lateAnswers, session.inFlight]).toEqual([1, 0, 0]);
  });

  test('is seen also where the next question is asked between the two', async () => {
    const { connection, session } = setup();
    const exchange = session.open();
    const answer = exchange.ask(headers);
    connection.receive({ type: 'answer', id: exchange.id, decision: ALLOW });
    await answer;
    const next = exchange.ask(chunk(0));
    connection.receive({ type: 'answer', id: exchange.id, decision: tagged('of nothing') });
    await expect(next).rejects.toMatchObject({ code: 'ERR_PROTOCOL' });
  });

  test('one before the first question, too', async () => {
    const { connection, session } = setup();
    const exchange = session.open();
    connection.receive({ type: 'answer', id: exchange.id, decision: ALLOW });
    await expect(exchange.ask(headers)).rejects.toMatchObject({ code: 'ERR_PROTOCOL' });
  });

  test.each(['end', 'cancel', 'complete', 'timeout'])('after its %s it is counted and dropped', async (how) => {
    const { connection, session, clock } = setup();
    const exchange = session.open();
    const answer = exchange.ask(headers, { timeoutMs: 100 });
    if (how === 'timeout') clock.advance(200);
    else connection.receive({ type: 'answer', id: exchange.id, decision: ALLOW });
    await answer.catch(() => undefined);
    if (how === 'end') exchange.end();
    if (how === 'cancel') exchange.cancel();
    if (how === 'complete')
      exchange.complete({ status: 200, durationMs: 1, requestBodySize: 0, responseBodySize: 0, upstreamAttempts: 1 });
    connection.receive({ type: 'answer', id: exchange.id, decision: ALLOW });
    expect([session.stats.unasked, session.stats.lateAnswers]).toEqual([0, 1]);
    await expect(exchange.ask(headers)).rejects.toMatchObject({
      code: how === 'timeout' ? 'ERR_TIMEOUT' : 'ERR_CLOSED',
    });
  });

  test('a decision that changes another chunk than the asked one is ERR_PROTOCOL', async () => {
    const { connection, session } = setup();
    const exchange = session.open();
    const answers = [exchange.ask(chunk(3)), exchange.ask(chunk(4))];
    for (const index of [4, 4]) {
      const decision: Decision = { verdict: { type: 'allow' }, requestBodyMutation: { index, data: null } };
      connection.receive({ type: 'answer', id: exchange.id, decision });
    }
    await expect(answers[0]).rejects.toMatchObject({ code: 'ERR_PROTOCOL' });
    expect(await answers[1]).toMatchObject({ requestBodyMutation: { index: 4 } });
  });
});

describe('bounds', () => {
  test('past maxInFlight open throws ERR_OVERLOADED, and an end makes room', () => {
    const { session } = setup({ maxInFlight: 2 });
    const exchange = session.open();
    session.open();
    expect(() => session.open()).toThrow(expect.objectContaining({ code: 'ERR_OVERLOADED' }));
    exchange.end();
    expect(session.open().id).not.toBe(exchange.id);
  });

  test('body chunks wait while the buffer is full and go out in order after it', async () => {
    const { connection, session } = setup();
    connection.writable = false;
    const exchange = session.open();
    const answers = Promise.all([exchange.ask(headers), exchange.ask(chunk(0)), exchange.ask(chunk(1))]);
    expect(connection.ofType('requestBodyChunk')).toHaveLength(0);
    connection.drainBuffer();
    expect(connection.ofType('requestBodyChunk').map(({ index }) => index)).toEqual([0, 1]);
    for (let i = 0; i < 3; i++) connection.receive({ type: 'answer', id: exchange.id, decision: ALLOW });
    expect(await answers).toHaveLength(3);
  });

  test('towards the zentinel dialect one event of a request is unanswered at a time', async () => {
    const { connection, session } = setup({}, { dialect: 'zentinel', ids: 'text' });
    const exchange = session.open();
    const answers = Promise.all([exchange.ask(headers), exchange.ask(chunk(0))]);
    expect(connection.sent.map(({ type }) => type)).toEqual(['requestHeaders']);
    connection.receive({ type: 'answer', id: exchange.id, decision: ALLOW });
    await turn();
    expect(connection.sent.map(({ type }) => type)).toEqual(['requestHeaders', 'requestBodyChunk']);
    connection.receive({ type: 'answer', id: exchange.id, decision: ALLOW });
    await answers;
  });
});

describe('what the agent says', () => {
  test('a listener that throws ends neither the connection nor its requests', async () => {
    const onNotice = (): never => {
      throw new Error('a bug of the caller');
    };
    const { connection, session } = setup({ onNotice });
    const answer = session.request(headers);
    connection.receive({ type: 'drain' }, { type: 'answer', id: lastId(connection), decision: ALLOW });
    expect(await answer).toBe(ALLOW);
    expect(connection.status).toBe('open');
  });

  test('nothing but what cannot be decoded ends the connection', () => {
    const { connection } = setup();
    const error = new AgentwireError('ERR_PROTOCOL', 'bad');
    const bad = { type: 'malformed', of: 'healthStatus', error } as const;
    for (let sent = 0; sent < 1_024; sent += 1) connection.receive(bad);
    expect(connection.status).toBe('open');
    connection.receive(bad);
    expect(connection.status).toBe('closed');
  });

  test('drain refuses new exchanges and lets the open ones finish', async () => {
    const notices: string[] = [];
    const { connection, session } = setup({ onNotice: (notice) => notices.push(notice.type) });
    const answer = session.request(headers);
    connection.receive({ type: 'drain' });
    expect(() => session.open()).toThrow(expect.objectContaining({ code: 'ERR_DRAINING' }));
    connection.receive({ type: 'answer', id: lastId(connection), decision: ALLOW });
    expect(await answer).toBe(ALLOW);
    expect(notices).toEqual(['drain']);
  });

  test('pause and resume', () => {
    const { connection, session } = setup();
    connection.receive({ type: 'flowControl', action: 'pause' });
    expect(session.paused).toBe(true);
    connection.receive({ type: 'flowControl', action: 'resume' });
    expect(session.paused).toBe(false);
  });

  test('a ping is answered with its own numbers, and ours measures the way', async () => {
    const { connection, session, clock } = setup();
    connection.receive({ type: 'ping', sequence: 7, timestampMs: 8 });
    expect(connection.ofType('pong')).toEqual([{ type: 'pong', sequence: 7, timestampMs: 8 }]);
    const trip = session.ping();
    clock.advance(3);
    connection.receive({ type: 'pong', sequence: connection.ofType('ping')[0]?.sequence ?? 0, timestampMs: 0 });
    expect(await trip).toBe(3);
  });

  test('an event from an agent is a protocol error that ends the connection', () => {
    const { connection } = setup();
    connection.receive({ ...headers, id: 1 });
    expect(connection.status).toBe('closed');
  });
});

describe('keepalive', () => {
  test('a silent agent is pinged and then given up; any byte is life', () => {
    const { connection, clock } = setup({ keepalive: { intervalMs: 10_000, timeoutMs: 5_000 } });
    clock.advance(10_000);
    expect(connection.ofType('ping')).toHaveLength(1);
    connection.receive({ type: 'pong', sequence: 1, timestampMs: 0 });
    clock.advance(5_000);
    expect(connection.status).toBe('open');
    clock.advance(10_000);
    expect(connection.ofType('ping')).toHaveLength(2);
    clock.advance(5_000);
    expect(connection.status).toBe('closed');
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('keepalive of an agent that takes one event at a time', () => {
  const busy = (): Setup => setup({ keepalive: { intervalMs: 20, timeoutMs: 20 } }, { dialect: 'zentinel' });

  test('it may be silent until the deadline of what it decides, and is given up then', async () => {
    const { connection, session, clock } = busy();
    const rejected = expect(session.request(headers, { timeoutMs: 1_000 })).rejects.toMatchObject({
      code: 'ERR_CLOSED',
    });
    clock.advance(990);
    expect(connection.status).toBe('open');
    clock.advance(60);
    await rejected;
    expect(connection.status).toBe('closed');
  });

  test('once it has answered it is given up after a ping like any other', async () => {
    const { connection, session, clock } = busy();
    const answer = session.request(headers, { timeoutMs: 1_000 });
    clock.advance(30);
    expect(connection.ofType('ping')).toHaveLength(1);
    connection.receive({ type: 'answer', id: lastId(connection), decision: ALLOW });
    await answer;
    clock.advance(80);
    expect([connection.status, clock.pendingTimers]).toEqual(['closed', 0]);
  });
});

describe('ends', () => {
  test('drain waits for what is open, then closes', async () => {
    const { connection, session } = setup();
    const answer = session.request(headers);
    const drained = session.drain();
    expect(connection.status).toBe('open');
    connection.receive({ type: 'answer', id: lastId(connection), decision: ALLOW });
    await answer;
    await drained;
    expect(connection.status).toBe('closed');
  });

  test('drain gives up after its time', async () => {
    const { session, clock, connection } = setup();
    const rejected = expect(session.request(headers)).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    const drained = session.drain({ timeoutMs: 100 });
    clock.advance(100);
    await drained;
    await rejected;
    expect(connection.status).toBe('closed');
  });

  test('cancelAll fails all with one message', async () => {
    const { connection, session } = setup();
    const all = Promise.allSettled([session.request(headers), session.request(headers)]);
    session.cancelAll('proxy_shutdown');
    for (const outcome of await all) expect(outcome).toMatchObject({ reason: { code: 'ERR_ABORTED' } });
    expect(connection.ofType('cancelAll')).toHaveLength(1);
    expect(connection.ofType('cancel')).toHaveLength(0);
  });
});

test('whatever ids come, no answer reaches a request that is not its own', async () => {
  const step = fc.oneof(
    fc.constant({ kind: 'ask' as const }),
    fc.record({ kind: fc.constant('answer' as const), pick: fc.nat(20) }),
    fc.record({ kind: fc.constant('stray' as const), id: fc.oneof(fc.maxSafeNat(), fc.bigInt(), fc.string()) }),
    fc.record({ kind: fc.constant('replay' as const), pick: fc.nat(20) }),
    fc.record({ kind: fc.constant('cancel' as const), pick: fc.nat(20) }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 60 }),
      fc.constantFrom('number' as const, 'text' as const),
      async (steps, ids) => {
        const { connection, session } = setup({}, { ids });
        const live: { id: RequestId; abort: AbortController }[] = [];
        const over: RequestId[] = [];
        const outcomes: Promise<void>[] = [];
        for (const one of steps) {
          if (one.kind === 'ask') {
            const abort = new AbortController();
            const answer = session.request(headers, { signal: abort.signal });
            const id = lastId(connection);
            live.push({ id, abort });
            outcomes.push(
              answer.then(
                (decision) => expect(decision.audit?.tags).toEqual([String(id)]),
                (error: AgentwireError) => expect(error.code).toMatch(/^ERR_(ABORTED|CLOSED)$/),
              ),
            );
          } else if (one.kind === 'stray') {
            if (!live.some(({ id }) => id === one.id))
              connection.receive({ type: 'answer', id: one.id, decision: tagged('stray') });
          } else if (one.kind === 'replay') {
            const id = over[one.pick];
            if (id !== undefined) connection.receive({ type: 'answer', id, decision: tagged('replay') });
          } else {
            const [picked] = live.splice(one.pick, 1);
            if (picked === undefined) continue;
            over.push(picked.id);
            if (one.kind === 'cancel') picked.abort.abort();
            else connection.receive({ type: 'answer', id: picked.id, decision: tagged(String(picked.id)) });
          }
        }
        connection.die();
        await Promise.all(outcomes);
        expect([session.inFlight, session.pending]).toEqual([0, 0]);
      },
    ),
    { numRuns: Number(process.env['AGENTWIRE_RUNS'] ?? 500) },
  );
});

describe('a request that ends while its agent waits for a body', () => {
  const summary = { status: 200, durationMs: 1, requestBodySize: 0, responseBodySize: 0, upstreamAttempts: 1 };
  const more: Decision = { verdict: { type: 'allow' }, needsMore: true };

  test.each([
    ['is cancelled where the agent takes no RequestComplete', [], false, { cancel: 1, requestComplete: 0 }],
    ['is completed where it does', FEATURES, false, { cancel: 0, requestComplete: 1 }],
    ['is not cancelled after the last chunk', [], true, { cancel: 0, requestComplete: 0 }],
  ])('%s', async (_, features, last, expected) => {
    const { connection, session } = setup({}, { peer: { features } });
    const exchange = session.open();
    const answer = exchange.ask(headers);
    connection.receive({ type: 'answer', id: exchange.id, decision: more });
    await answer;
    if (last) {
      const end = exchange.ask(chunk(0, true));
      await turn();
      connection.receive({ type: 'answer', id: exchange.id, decision: more });
      await end;
    }
    exchange.complete(summary);
    expect({
      cancel: connection.ofType('cancel').length,
      requestComplete: connection.ofType('requestComplete').length,
    }).toEqual(expected);
    expect(session.inFlight).toBe(0);
  });
});
