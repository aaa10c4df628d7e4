import { ALLOW, AgentwireError, type Decision } from '@agentwire/core';
import { type AgentRequest, type ProxySessionOptions, SessionClient } from '@agentwire/core/session';
import { AgentSessionCore, backoffDelay, keepConnected, ProxySessionCore } from '@agentwire/core/session/internal';
import { createManualClock } from '@agentwire/core/testing';
import { describe, expect, test } from 'vitest';
import { chunk, headers } from './events.ts';
import { FakeConnection } from './fake-connection.ts';

function setup(options: ProxySessionOptions = {}): {
  connection: FakeConnection;
  session: ProxySessionCore;
  clock: ReturnType<typeof createManualClock>;
} {
  const clock = createManualClock();
  const connection = new FakeConnection('proxy');
  const session = new ProxySessionCore(connection, { clock, keepalive: false, ...options });
  connection.open(session);
  return { connection, session, clock };
}

const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'answered',
    (error: { code: string }) => error.code,
  );
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const summary = { status: 200, durationMs: 1, requestBodySize: 0, responseBodySize: 0, upstreamAttempts: 1 };

describe("the proxy's end", () => {
  test('a listener of outcomes that throws keeps no question from its outcome', async () => {
    const onOutcome = (): never => {
      throw new Error('metrics are down');
    };
    const { connection, session, clock } = setup({ onOutcome, requestTimeoutMs: 100 });
    const answered = session.request(headers);
    const [event] = connection.ofType('requestHeaders');
    connection.receive({ type: 'answer', id: event?.id ?? -1, decision: ALLOW });
    expect(await answered).toBe(ALLOW);
    const late = [session.request(headers), session.request(headers)].map(code);
    clock.advance(120);
    expect(await Promise.all(late)).toEqual(['ERR_TIMEOUT', 'ERR_TIMEOUT']);
    const dead = [session.request(headers), session.request(headers)].map(code);
    connection.die();
    expect(await Promise.all(dead)).toEqual(['ERR_CLOSED', 'ERR_CLOSED']);
    expect([session.inFlight, session.pending, clock.pendingTimers]).toEqual([0, 0, 0]);
  });

  test('a cancel that cannot be sent ends its exchange all the same', async () => {
    const { connection, session } = setup();
    const controller = new AbortController();
    const asked = code(session.request(headers, { signal: controller.signal }));
    connection.failNext = new AgentwireError('ERR_IO', 'no');
    controller.abort();
    expect(await asked).toBe('ERR_ABORTED');
    expect([session.inFlight, session.pending]).toEqual([0, 0]);
  });

  test('a complete that cannot be sent gives the id back; only a full buffer is no error', () => {
    const { connection, session } = setup();
    const first = session.open();
    connection.failNext = new AgentwireError('ERR_OVERLOADED', 'full');
    first.complete(summary);
    const second = session.open();
    connection.failNext = new AgentwireError('ERR_INVALID_ARGUMENT', 'durationMs');
    expect(() => second.complete(summary)).toThrow('durationMs');
    expect([first.ended, second.ended, session.inFlight]).toEqual([true, true, 0]);
  });

  test('a send that ends its connection gives its question one outcome', async () => {
    const outcomes: unknown[] = [];
    const { connection, session } = setup({ onOutcome: (_exchange, outcome) => outcomes.push(outcome) });
    const fails = connection as unknown as { write: () => never };
    fails.write = () => {
      connection.die();
      throw new AgentwireError('ERR_CLOSED', 'gone');
    };
    expect(await code(session.request(headers))).toBe('ERR_CLOSED');
    expect(outcomes).toHaveLength(1);
  });

  test.each([Number.NaN, Infinity, -1, '5'])('no question waits for %s milliseconds', async (timeoutMs) => {
    const { connection, session } = setup();
    const options = { timeoutMs: timeoutMs as number };
    expect(await code(session.request(headers, options))).toBe('ERR_INVALID_ARGUMENT');
    expect(await code(session.ping(options))).toBe('ERR_INVALID_ARGUMENT');
    expect([session.inFlight, connection.sent.length]).toEqual([0, 0]);
  });

  test('the questions of one exchange that wait are bounded', async () => {
    const { session } = setup();
    const exchange = session.open();
    const asked = Array.from({ length: 1_025 }, (_, i) => code(exchange.ask(chunk(i))));
    expect(await asked[1_024]).toBe('ERR_OVERLOADED');
    expect(exchange.pending).toBe(1_024);
    exchange.end();
    expect(new Set(await Promise.all(asked.slice(0, 1_024)))).toEqual(new Set(['ERR_ABORTED']));
  });

  test('an undecodable body mutation fails the oldest question of its request', async () => {
    const { connection, session } = setup();
    const exchange = session.open();
    const asked = code(exchange.ask(chunk(0)));
    const error = new AgentwireError('ERR_PROTOCOL', 'no mutation');
    connection.receive({ type: 'malformed', of: 'bodyMutation', id: exchange.id, error });
    expect(await asked).toBe('ERR_PROTOCOL');
  });

  test('a ping that cannot be sent is no crash: who stays silent is given up', () => {
    const { connection, clock } = setup({ keepalive: { intervalMs: 100, timeoutMs: 50 } });
    connection.failNext = new AgentwireError('ERR_OVERLOADED', 'full');
    clock.advance(149);
    expect(connection.status).toBe('open');
    clock.advance(1);
    expect(connection.status).toBe('closed');
    expect(clock.pendingTimers).toBe(0);
  });

  test('options out of range are refused', () => {
    expect(() => setup({ maxInFlight: Number.NaN })).toThrow(/maxInFlight must be an integer/);
    expect(() => setup({ requestTimeoutMs: Infinity })).toThrow(/requestTimeoutMs must be a number/);
    expect(() => setup({ keepalive: { intervalMs: 0 } })).toThrow(/keepalive.intervalMs/);
    expect(() => setup({ keepalive: { interval: 1 } as object })).toThrow(/has no option "interval"/);
    expect(() => backoffDelay(1, { initialMs: 0 })).toThrow(/backoff.initialMs/);
  });

  test('a head that failed leaves its id free', async () => {
    const { connection, session } = setup();
    const client = new SessionClient(session);
    const { type: _type, ...rest } = headers;
    connection.failNext = new AgentwireError('ERR_MESSAGE_TOO_LARGE', 'too long');
    expect(await code(client.sendRequestHeaders({ ...rest, id: 1 }))).toBe('ERR_MESSAGE_TOO_LARGE');
    expect(client.liveRequests).toBe(0);
    const again = client.sendRequestHeaders({ ...rest, id: 1 });
    const [event] = connection.ofType('requestHeaders');
    connection.receive({ type: 'answer', id: event?.id ?? -1, decision: ALLOW });
    expect(await again).toBe(ALLOW);
  });
});

test('the token of a peer is not kept with it', () => {
  const connection = new FakeConnection('agent', { peer: { token: 's3cret' } });
  expect(JSON.stringify(connection.peer)).not.toContain('s3cret');
});

test('a loop that is ended by who was told of a failure waits for nothing', async () => {
  const clock = createManualClock();
  const stop = new AbortController();
  await keepConnected({
    clock,
    signal: stop.signal,
    connect: () => Promise.reject(new Error('down')),
    onFailure: () => stop.abort(),
  });
  expect(clock.pendingTimers).toBe(0);
});

describe("the agent's end", () => {
  test('a request has one end, also when its last handler outlives the connection', async () => {
    const connection = new FakeConnection('agent');
    const ended: AgentRequest[] = [];
    let done: ((decision: Decision) => void) | undefined;
    const handler = {
      onEvent: () => new Promise<Decision>((resolve) => (done = resolve)),
      onRequestEnd: (request: AgentRequest) => {
        ended.push(request);
        throw new Error('must not matter');
      },
    };
    const clock = createManualClock();
    connection.open(new AgentSessionCore(connection, handler, { clock, keepalive: false }));
    connection.receive({ ...headers, id: 2 }, { type: 'requestComplete', id: 1, ...summary });
    connection.die();
    expect(new Set(ended.map(({ id }) => id))).toEqual(new Set([1, 2]));
    expect(ended).toHaveLength(2);
    expect(ended.every(({ cancelled }) => cancelled)).toBe(true);
    done?.(ALLOW);
    await turn();
    expect(ended).toHaveLength(2);
  });

  test('what is kept grows old also when no event comes any more, and whatever stands before it', () => {
    const connection = new FakeConnection('agent', { peer: { features: [] }, dialect: 'zentinel' });
    const ended: unknown[] = [];
    const clock = createManualClock();
    const handler = {
      onEvent: () => ({ ...ALLOW, needsMore: true }),
      onRequestEnd: ({ id }: AgentRequest) => ended.push(id),
    };
    const options = { clock, keepalive: false as const, requestStateTtlMs: 1_000 };
    connection.open(new AgentSessionCore(connection, handler, options));
    connection.receive({ ...headers, id: 1 });
    clock.advance(500);
    connection.receive({ ...headers, id: 2 });
    clock.advance(400);
    // the first one is touched again and again, so it is younger than the second
    connection.receive({ ...chunk(0), id: 1 });
    clock.advance(600);
    connection.receive({ ...chunk(1), id: 1 });
    clock.advance(500);
    expect(ended).toEqual([2]);
    clock.advance(1_000);
    expect(ended).toEqual([2, 1]);
    expect(clock.pendingTimers).toBe(0);
  });

  test('limits out of range are refused', () => {
    const connection = new FakeConnection('agent');
    const handler = { onEvent: () => ALLOW };
    expect(() => new AgentSessionCore(connection, handler, { maxInFlight: Number.NaN })).toThrow(/maxInFlight/);
  });
});
