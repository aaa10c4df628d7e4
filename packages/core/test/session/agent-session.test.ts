import { ALLOW, AgentwireError, type Decision, type ProxyEvent } from '@agentwire/core';
import { silentLogger } from '@agentwire/core/internal';
import type { AgentRequest, AgentSessionOptions, SessionHandler } from '@agentwire/core/session';
import { AgentSessionCore } from '@agentwire/core/session/internal';
import { createManualClock } from '@agentwire/core/testing';
import { describe, expect, test } from 'vitest';
import { chunk, headers } from './events.ts';
import { FakeConnection } from './fake-connection.ts';

type Handler = SessionHandler['onEvent'];
type Setup = {
  connection: FakeConnection;
  session: AgentSessionCore;
  clock: ReturnType<typeof createManualClock>;
  ended: unknown[];
};

function setup(
  onEvent: Handler,
  options: AgentSessionOptions = {},
  of: ConstructorParameters<typeof FakeConnection>[1] = {},
): Setup {
  const clock = createManualClock();
  const connection = new FakeConnection('agent', of);
  const ended: unknown[] = [];
  const handler: SessionHandler = { onEvent, onRequestEnd: (request) => ended.push(request.id) };
  const session = new AgentSessionCore(connection, handler, { clock, keepalive: false, ...options });
  connection.open(session);
  return { connection, session, clock, ended };
}

const tagged = (tag: string): Decision => ({ verdict: { type: 'allow' }, audit: { tags: [tag] } });
const tags = (connection: FakeConnection): unknown[] =>
  connection.ofType('answer').map(({ decision }) => decision.audit?.tags?.[0]);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A handler whose answers the test gives one by one. */
function held(): {
  onEvent: Handler;
  answers: ((decision: Decision) => void)[];
  events: ProxyEvent[];
  requests: AgentRequest[];
} {
  const answers: ((decision: Decision) => void)[] = [];
  const events: ProxyEvent[] = [];
  const requests: AgentRequest[] = [];
  const onEvent: Handler = (event, request) => {
    events.push(event);
    requests.push(request);
    return new Promise((resolve) => answers.push(resolve));
  };
  return { onEvent, answers, events, requests };
}

describe('answers', () => {
  test('a synchronous decision is answered at once and the request is over', () => {
    const { connection, ended } = setup(() => ALLOW);
    connection.receive({ ...headers, id: 65_536 });
    expect(connection.ofType('answer')).toEqual([{ type: 'answer', id: 65_536, decision: ALLOW }]);
    expect(ended).toEqual([65_536]);
  });

  test('events of one request run one after the other, other requests do not wait', async () => {
    const { onEvent, answers, events } = held();
    const { connection } = setup(onEvent);
    connection.receive({ ...headers, id: 65_536 }, { ...chunk(0), id: 65_536 }, { ...headers, id: 65_537 });
    expect(events.map(({ id }) => id)).toEqual([65_536, 65_537]);
    answers[1]?.(tagged('other'));
    await turn();
    answers[0]?.({ ...tagged('head'), needsMore: true });
    await turn();
    expect(events).toHaveLength(3);
    answers[2]?.(tagged('chunk'));
    await turn();
    expect(tags(connection)).toEqual(['other', 'head', 'chunk']);
  });

  test('a handler that throws or rejects gives a failure answer, never an allow, and its words stay here', async () => {
    for (const fail of [
      () => {
        throw new Error('secret');
      },
      () => Promise.reject(new Error('secret')),
    ]) {
      const { connection, session } = setup(fail);
      connection.receive({ ...headers, id: 1 });
      await turn();
      const [answer] = connection.ofType('answer');
      expect(answer?.decision).toMatchObject({
        verdict: { type: 'block', status: 500 },
        error: { code: 'ERR_HANDLER' },
      });
      expect(JSON.stringify(answer)).not.toContain('secret');
      expect(session.stats.failures).toBe(1);
    }
  });

  test('a peer without feature errors gets a block with a reason code', () => {
    const onEvent: Handler = () => {
      throw new AgentwireError('ERR_OVERLOADED', 'full');
    };
    const { connection } = setup(onEvent, {}, { peer: { features: [] } });
    connection.receive({ ...headers, id: 1 });
    const decision = connection.ofType('answer')[0]?.decision;
    expect(decision).toEqual({
      verdict: { type: 'block', status: 503 },
      audit: { reasonCodes: ['agentwire:ERR_OVERLOADED'] },
    });
  });

  test('a peer that sends nothing but what cannot be decoded is ended, and hardly fills a log', () => {
    const lines: unknown[] = [];
    const logger = {
      ...silentLogger,
      warn: (fields: object) => lines.push(fields),
      error: (fields: object) => lines.push(fields),
    };
    const { connection } = setup(() => ALLOW, { logger });
    const error = new AgentwireError('ERR_PROTOCOL', 'bad head');
    const bad = (id: number) => ({ type: 'malformed', of: 'requestHeaders', id, error }) as const;
    for (let id = 1; id <= 1_024; id += 1) connection.receive(bad(id));
    connection.receive({ ...headers, id: 2_000 });
    for (let id = 1; id <= 1_024; id += 1) connection.receive(bad(id));
    expect([connection.status, connection.ofType('answer').length]).toEqual(['open', 2_049]);
    connection.receive(bad(1));
    expect(connection.status).toBe('closed');
    expect(lines).toEqual([expect.not.objectContaining({ err: expect.anything() as unknown })]);
  });

  test('undecodable content is answered as a failure in its place', async () => {
    const { onEvent, answers } = held();
    const { connection } = setup(onEvent);
    const error = new AgentwireError('ERR_PROTOCOL', 'bad chunk');
    connection.receive({ ...headers, id: 5 }, { type: 'malformed', of: 'requestBodyChunk', id: 5, error });
    expect(connection.ofType('answer')).toHaveLength(0);
    answers[0]?.({ ...ALLOW, needsMore: true });
    await turn();
    expect(connection.ofType('answer').map(({ decision }) => decision.error?.code)).toEqual([
      undefined,
      'ERR_PROTOCOL',
    ]);
  });

  test('a decision that cannot be sent becomes a failure answer', () => {
    const { connection } = setup(() => ALLOW);
    connection.failNext = new AgentwireError('ERR_INVALID_HEADER', 'bad header');
    connection.receive({ ...headers, id: 1 });
    expect(connection.ofType('answer')[0]?.decision.error?.code).toBe('ERR_INVALID_HEADER');
  });

  test('RequestComplete is not answered and ends the request', () => {
    const { connection, ended } = setup((_event, request) => {
      request.retain = true;
      return ALLOW;
    });
    connection.receive({ ...headers, id: 9 });
    expect(ended).toEqual([]);
    const summary = { status: 200, durationMs: 1, requestBodySize: 0, responseBodySize: 0, upstreamAttempts: 1 };
    connection.receive({ type: 'requestComplete', id: 9, ...summary });
    expect(connection.ofType('answer')).toHaveLength(1);
    expect(ended).toEqual([9]);
  });

  test('RequestComplete is answered in the zentinel dialect, whose clients wait for it', () => {
    const { connection } = setup(() => ALLOW, {}, { dialect: 'zentinel', ids: 'text' });
    const summary = { status: 200, durationMs: 1, requestBodySize: 0, responseBodySize: 0, upstreamAttempts: 1 };
    connection.receive({ type: 'requestComplete', id: 'c-9', ...summary });
    expect(connection.ofType('answer')).toEqual([{ type: 'answer', id: 'c-9', decision: ALLOW }]);
  });

  test('RequestComplete is answered with the decision of its handler, or that of its failure, and asks for nothing more', () => {
    const results: (() => Decision)[] = [
      () => ({ ...ALLOW, audit: { tags: ['slow'] }, needsMore: true }),
      () => {
        throw new Error('broken');
      },
    ];
    const { connection, ended } = setup(() => results.shift()?.() ?? ALLOW, {}, { dialect: 'zentinel', ids: 'text' });
    const summary = { status: 200, durationMs: 1, requestBodySize: 0, responseBodySize: 0, upstreamAttempts: 1 };
    connection.receive(
      { type: 'requestComplete', id: 'a', ...summary },
      { type: 'requestComplete', id: 'b', ...summary },
    );
    const [first, second] = connection.ofType('answer').map(({ decision }) => decision);
    expect(first).toEqual({ ...ALLOW, audit: { tags: ['slow'] }, needsMore: false });
    expect(second?.verdict.type).toBe('block');
    expect(ended).toEqual(['a', 'b']);
  });
});

describe('state of a request', () => {
  test('what a handler keeps is there for later events, while it is retained', () => {
    const seen: unknown[] = [];
    const { connection } = setup((event, request) => {
      seen.push(request.state);
      request.state = event.type;
      request.retain = true;
      return ALLOW;
    });
    connection.receive({ ...headers, id: 1 });
    connection.receive({ type: 'responseHeaders', id: 1, status: 200, headers: [], hasBody: false });
    connection.receive({ ...headers, id: 1 });
    expect(seen).toEqual([undefined, 'requestHeaders', undefined]);
  });

  test('with slot ids a new id in a slot ends the older request', () => {
    const { connection, ended } = setup((_event, request) => {
      request.retain = true;
      return ALLOW;
    });
    connection.receive({ ...headers, id: 65_536 + 3 }, { ...headers, id: 2 * 65_536 + 3 });
    expect(ended).toEqual([65_539]);
  });

  test('without slot ids count and age bound what is kept', () => {
    const onEvent: Handler = (_event, request) => {
      request.retain = true;
      return ALLOW;
    };
    const { connection, ended, clock } = setup(
      onEvent,
      { maxRetained: 2, requestStateTtlMs: 1000 },
      { peer: { features: [] }, dialect: 'zentinel' },
    );
    for (const id of [1, 2, 3]) connection.receive({ ...headers, id });
    expect(ended).toEqual([1]);
    clock.advance(1500);
    connection.receive({ ...headers, id: 4 });
    clock.advance(1000);
    expect(ended).toContain(3);
  });

  test('in the documented dialect no age ends a request, with slot ids or without', () => {
    for (const features of [[], ['slot_ids']]) {
      const onEvent: Handler = (_event, request) => {
        request.retain = true;
        return ALLOW;
      };
      const { connection, ended, clock } = setup(onEvent, { requestStateTtlMs: 1000 }, { peer: { features } });
      for (const id of [1, 2]) connection.receive({ ...headers, id });
      clock.advance(1_000_000);
      expect(ended).toEqual([]);
      connection.receive({ type: 'cancel', id: 1 });
      expect(ended).toEqual([1]);
    }
  });
});

describe('cancel and ends', () => {
  test('cancel fires the signal, drops what waits, and nothing is answered any more', async () => {
    const { onEvent, answers, requests, events } = held();
    const { connection, session } = setup(onEvent);
    connection.receive({ ...headers, id: 1 }, { ...chunk(0), id: 1 });
    const signal = requests[0]?.signal;
    connection.receive({ type: 'cancel', id: 1, reason: 'client_disconnect' });
    expect(signal?.aborted).toBe(true);
    answers[0]?.(ALLOW);
    await turn();
    expect(connection.ofType('answer')).toHaveLength(0);
    expect(events).toHaveLength(1);
    expect(session.inFlight).toBe(0);
    connection.receive({ type: 'cancel', id: 99 });
    expect(session.stats.cancelled).toBe(1);
  });

  test('the end of the connection aborts everything', () => {
    const { onEvent, requests } = held();
    const { connection, clock } = setup(onEvent);
    connection.receive({ ...headers, id: 1 }, { ...headers, id: 2 });
    connection.die();
    expect(requests.map(({ signal }) => signal.aborted)).toEqual([true, true]);
    expect(clock.pendingTimers).toBe(0);
  });

  test.each([
    ['decides at once', (): Decision => ALLOW],
    ['decides later', (): Promise<Decision> => new Promise(() => undefined)],
  ])('a handler that ends the connection and %s has its request ended, with ids of any kind', (_, decide) => {
    for (const ids of ['number', 'text'] as const) {
      const signals: AbortSignal[] = [];
      const onEvent: Handler = (_event, request) => {
        signals.push(request.signal);
        request.connection.abort();
        return decide();
      };
      const { connection, ended } = setup(onEvent, {}, { ids, peer: { features: [] } });
      const id = ids === 'text' ? 'a' : 1;
      connection.receive({ ...headers, id });
      expect([signals[0]?.aborted, ended, connection.sent]).toEqual([true, [id], []]);
    }
  });

  test('a third-party proxy that half-closes gets the answers to what is pending, then the end', async () => {
    const { onEvent, answers, requests } = held();
    const { connection, session, clock } = setup(onEvent, { keepalive: {} }, { peer: { features: [] } });
    connection.receive({ ...headers, id: 1 }, { ...chunk(0, true), id: 1 }, { ...headers, id: 2 });
    connection.halfClose();
    expect([connection.status, connection.ofType('ping').length]).toEqual(['open', 1]);
    // a peer that cannot answer a ping is not ended for it
    clock.advance(20_000);
    answers[0]?.({ ...tagged('head'), needsMore: true });
    answers[1]?.(tagged('other'));
    await turn();
    expect([connection.status, session.inFlight]).toEqual(['open', 1]);
    answers[2]?.(tagged('chunk'));
    await turn();
    expect(tags(connection)).toEqual(['head', 'other', 'chunk']);
    expect([connection.status, clock.pendingTimers]).toEqual(['closed', 0]);
    expect(requests.map(({ cancelled }) => cancelled)).toEqual([false, false, false]);
  });

  test('a half-closed connection ends after drainTimeoutMs, and at once where nothing is pending or the proxy is agentwire', async () => {
    const { onEvent, requests } = held();
    const slow = setup(onEvent, { drainTimeoutMs: 2_000 }, { dialect: 'zentinel', peer: { features: [] } });
    slow.connection.receive({ ...headers, id: 1 });
    slow.connection.halfClose();
    await turn();
    slow.clock.advance(1_999);
    await turn();
    expect(slow.connection.status).toBe('open');
    slow.clock.advance(1);
    await turn();
    expect([slow.connection.status, requests[0]?.cancelled, slow.clock.pendingTimers]).toEqual(['closed', true, 0]);

    const idle = setup(() => ALLOW, {}, { peer: { features: [] } });
    idle.connection.receive({ ...headers, id: 1 });
    idle.connection.halfClose();
    expect(idle.connection.status).toBe('closed');

    const agentwire = setup(onEvent);
    agentwire.connection.receive({ ...headers, id: 1 });
    agentwire.connection.halfClose();
    expect([agentwire.connection.status, requests[1]?.cancelled]).toEqual(['closed', true]);
  });

  test('a proxy that is gone after its half-close has its requests cancelled', async () => {
    const { onEvent, requests } = held();
    const { connection, clock } = setup(onEvent, {}, { peer: { features: [] } });
    connection.receive({ ...headers, id: 1 });
    connection.halfClose();
    connection.die();
    await turn();
    expect([requests[0]?.signal.aborted, clock.pendingTimers]).toEqual([true, 0]);
  });

  test('cancelAll cancels all', () => {
    const { onEvent, requests } = held();
    const { connection } = setup(onEvent);
    connection.receive({ ...headers, id: 1 }, { ...headers, id: 2 }, { type: 'cancelAll' });
    expect(requests.every(({ cancelled }) => cancelled)).toBe(true);
  });

  test('drain says so, answers what runs, and closes', async () => {
    const { onEvent, answers } = held();
    const { connection, session } = setup(onEvent);
    connection.receive({ ...headers, id: 1 });
    const drained = session.drain({ timeoutMs: 1000 });
    expect(connection.ofType('drain')).toHaveLength(1);
    answers[0]?.(ALLOW);
    await turn();
    // what the proxy had sent before it heard of the drain is answered too; its pong says that there is no more
    connection.receive({ ...headers, id: 2 });
    for (const { sequence } of connection.ofType('ping'))
      connection.receive({ type: 'pong', sequence, timestampMs: 0 });
    await turn();
    expect(connection.status).toBe('open');
    answers[1]?.(ALLOW);
    await drained;
    expect(connection.ofType('answer')).toHaveLength(2);
    expect(connection.status).toBe('closed');
  });
});

test('a drain waits for no pong of a proxy that gives none, and for nothing once the connection is over', async () => {
  const silent = setup(() => ALLOW);
  const drained = silent.session.drain();
  await turn();
  expect(silent.connection.status).toBe('open');
  silent.clock.advance(5_000);
  await drained;
  const dead = setup(held().onEvent);
  dead.connection.receive({ ...headers, id: 1 });
  const ended = dead.session.drain();
  dead.connection.die();
  await ended;
  expect([silent.clock.pendingTimers, dead.clock.pendingTimers]).toEqual([0, 0]);
});

describe('bounds', () => {
  test('past maxInFlight the answer is ERR_OVERLOADED at once', () => {
    const { onEvent } = held();
    const { connection } = setup(onEvent, { maxInFlight: 1 });
    connection.receive({ ...headers, id: 1 }, { ...headers, id: 2 });
    expect(connection.ofType('answer')).toMatchObject([{ id: 2, decision: { error: { code: 'ERR_OVERLOADED' } } }]);
  });

  test('5 000 requests with one id end their own connection and nothing else', () => {
    const { onEvent } = held();
    const { connection } = setup(onEvent);
    for (let i = 0; i < 5_000 && connection.status === 'open'; i++) connection.receive({ ...headers, id: 1 });
    expect(connection.status).toBe('closed');
  });

  test('a second head with a live id begins fresh and is answered in its turn', async () => {
    const { onEvent, answers, requests } = held();
    const { connection } = setup(onEvent);
    connection.receive({ ...headers, id: 1 }, { ...headers, id: 1 }, { ...chunk(0), id: 1 });
    answers[0]?.({ ...tagged('first'), needsMore: true });
    await turn();
    expect(requests[1]).not.toBe(requests[0]);
    answers[1]?.({ ...tagged('second'), needsMore: true });
    await turn();
    expect(requests[2]).toBe(requests[1]);
    answers[2]?.(tagged('chunk'));
    await turn();
    expect(tags(connection)).toEqual(['first', 'second', 'chunk']);
  });
});
