import { AgentwireError, type Logger } from '@agentwire/core';
import { silentLogger } from '@agentwire/core/internal';
import { describe, expect, test, onTestFinished, vi } from 'vitest';
import { allow, block, closeWebSocket, drop, refuse, type HandlerContext } from '../../src/index.ts';
import { OURS, RELEASED } from '../fake-connection.ts';
import { chunk, head, response, settled } from '../events.ts';
import { start } from './start.ts';

function spyLogger(): Logger & { lines: string[] } {
  const lines: string[] = [];
  const log = (_: unknown, message: string): void => void lines.push(message);
  return { lines, debug: log, info: log, warn: log, error: log };
}

describe('handlers', () => {
  test('are answered synchronously when they decide synchronously', () => {
    const at = start({ onRequestHeaders: (request) => block(403, `${request.method} ${request.path}`) }).connect();
    at.receive(head(1));
    expect(at.answers).toMatchObject([{ verdict: { type: 'block', body: 'POST /a' } }]);
  });

  test('get a context whose parts are created on first use', async () => {
    let seen: Record<string, unknown> = {};
    const { connect, clock } = start({
      handlerTimeoutMs: 500,
      onRequestHeaders(request, context) {
        const { requestId, traceparent, deadline, peer, ambiguous } = context;
        const headers = request.headers.get('HOST');
        seen = {
          requestId,
          traceparent,
          deadline,
          peer: peer.name,
          ambiguous,
          headers,
          query: request.query.get('b'),
          uri: request.uri,
        };
        return allow();
      },
    });
    connect().receive(head(1));
    expect(seen).toEqual({
      requestId: 'r-1',
      traceparent: '00-1-2-01',
      deadline: clock.wallNow() + 500,
      peer: 'ours',
      ambiguous: false,
      headers: 'example.test',
      query: 'c',
      uri: '/a?b=c',
    });
  });

  test('that throw give a failure answer, never an allow', async () => {
    const logger = spyLogger();
    const { connect, runtime } = start(
      {
        onRequestHeaders(request) {
          if (request.uri === '/sync') throw new Error('secret');
          if (request.uri === '/async') return Promise.reject(new Error('secret'));
          return undefined as never;
        },
      },
      { logger },
    );
    const at = connect();
    for (const [id, uri] of ['/sync', '/async', '/nothing'].entries()) at.receive(head(id, { uri }));
    await settled();
    expect(at.answers).toHaveLength(3);
    for (const answer of at.answers) {
      expect(answer).toMatchObject({ verdict: { type: 'block', status: 500 }, error: { code: 'ERR_HANDLER' } });
      expect(JSON.stringify(answer)).not.toContain('secret');
    }
    expect(runtime.calls.outcomes.counts.failures).toBe(3);
    // the two that threw are one kind of line
    expect(logger.lines).toHaveLength(2);
    const plain = connect({ ...OURS, features: [] });
    plain.receive(head(9, { uri: '/sync' }));
    expect(plain.answers).toEqual([
      { verdict: { type: 'block', status: 500 }, audit: { reasonCodes: ['agentwire:ERR_HANDLER'] } },
    ]);
  });

  test('that are missing allow explicitly', () => {
    const at = start({ onResponseHeaders: () => allow() }).connect();
    at.receive(head(1));
    at.receive({ type: 'configure', id: 2, config: {} });
    expect(at.answers).toEqual([{ verdict: { type: 'allow' } }, { verdict: { type: 'allow' } }]);
  });

  test('share state with later events of the request', () => {
    const ended: unknown[] = [];
    const at = start<{ n: number }>({
      onRequestHeaders: (_, context) => ((context.state = { n: 1 }), allow()),
      onResponseHeaders: (incoming, context) =>
        allow().withTag(`${context.state?.n} ${context.request?.path} ${incoming.status}`),
      onRequestComplete: (summary, context) => void ended.push(summary.status, context.response?.status),
    }).connect();
    at.receive(head(1));
    at.receive(response(1, 201));
    expect(at.answers[1]).toMatchObject({ audit: { tags: ['1 /a 201'] } });
    at.receive({
      type: 'requestComplete',
      id: 1,
      status: 200,
      durationMs: 1,
      requestBodySize: 0,
      responseBodySize: 0,
      upstreamAttempts: 1,
    });
    expect(ended).toEqual([200, 201]);
    expect(at.answers).toHaveLength(2);
  });

  test('answer the end of a request where the proxy takes an answer, and log once where it does not', async () => {
    const logged: unknown[] = [];
    const quiet = (): void => undefined;
    const logger = { debug: quiet, info: quiet, warn: (...line: unknown[]) => void logged.push(line), error: quiet };
    const agent = { onRequestComplete: () => Promise.resolve(allow().withTag('over')) };
    const { connect } = start(agent, { logger });
    const complete = { type: 'requestComplete', status: 200, durationMs: 1 } as const;
    const sizes = { requestBodySize: 0, responseBodySize: 0, upstreamAttempts: 1 };
    const crate = connect({ ...RELEASED, name: 'another' });
    crate.receive({ ...complete, ...sizes, id: 'a' });
    await settled();
    expect(crate.answers).toMatchObject([{ verdict: { type: 'allow' }, audit: { tags: ['over'] } }]);
    expect(logged).toEqual([]);
    const own = connect(OURS);
    for (const id of [1, 2]) own.receive({ ...complete, ...sizes, id });
    await settled();
    expect(own.answers).toEqual([]);
    expect(logged).toEqual([[{ peer: 'ours' }, expect.stringContaining('takes no answer')]]);
  });

  test('decide on frames and configurations', async () => {
    const configs: unknown[] = [];
    const at = start({
      onWebSocketFrame: ({ opcode }) => (opcode === 'binary' ? drop() : closeWebSocket(1008, 'no')),
      onConfigure: async ({ config }) => {
        configs.push(config);
        return config === null ? refuse('empty') : undefined;
      },
    }).connect();
    const frame = {
      type: 'webSocketFrame',
      data: new Uint8Array(0),
      clientToServer: true,
      index: 0,
      fin: true,
      clientIp: '',
    } as const;
    at.receive({ ...frame, id: 1, opcode: 'binary' });
    at.receive({ ...frame, id: 1, opcode: 'text' });
    expect(at.answers).toMatchObject([{ webSocket: { type: 'drop' } }, { webSocket: { type: 'close', code: 1008 } }]);
    at.receive({ type: 'configure', id: 2, config: { a: 1 } });
    at.receive({ type: 'configure', id: 3, config: null });
    await settled();
    expect(configs).toEqual([{ a: 1 }, null]);
    expect(at.answers.slice(2)).toMatchObject([
      { verdict: { type: 'allow' } },
      { verdict: { type: 'block', body: 'empty' } },
    ]);
  });
});

describe('time and cancel', () => {
  test('aborts the signal and answers when the deadline passes', async () => {
    const reasons: unknown[] = [];
    const { connect, clock, runtime } = start({
      handlerTimeoutMs: 1_000,
      onRequestHeaders: (_, context) =>
        new Promise(() =>
          context.signal.addEventListener('abort', () =>
            reasons.push((context.signal.reason as { code: string }).code),
          ),
        ),
    });
    const at = connect();
    at.receive(head(1));
    clock.advance(999);
    await settled();
    expect(at.answers).toEqual([]);
    clock.advance(1);
    await settled();
    expect(at.answers).toMatchObject([{ error: { code: 'ERR_TIMEOUT' } }]);
    expect(reasons).toEqual(['ERR_TIMEOUT']);
    expect(runtime.limiter).toMatchObject({ running: 0, undecided: 0 });
    expect(clock.pendingTimers).toBe(0);
  });

  test('logs the exception of a listener of the signal, which ends nothing', async () => {
    const logger = spyLogger();
    const { connect } = start(
      {
        onRequestHeaders: (_, context) =>
          new Promise((resolve) => {
            context.signal.addEventListener('abort', () => JSON.parse('no json'));
            context.signal.addEventListener('abort', () => resolve(allow()));
          }),
      },
      { logger },
    );
    const at = connect();
    at.receive(head(1));
    at.receive({ type: 'cancel', id: 1, reason: 'client_disconnect' });
    await settled();
    expect(logger.lines).toEqual(['a listener of context.signal threw']);
  });

  test('aborts the signal of a cancelled handler, and does not count its exception', async () => {
    const cancelled: unknown[] = [];
    const { connect, runtime } = start({
      onRequestHeaders: (_, context) =>
        new Promise((_resolve, reject) =>
          context.signal.addEventListener('abort', () => reject(context.signal.reason as Error)),
        ),
      onCancel: (reason, context) => void cancelled.push(reason, context.request?.uri),
    });
    const at = connect();
    at.receive(head(1));
    at.receive({ type: 'cancel', id: 1, reason: 'client_disconnect' });
    await settled();
    expect(at.answers).toEqual([]);
    expect(cancelled).toEqual(['client_disconnect', '/a?b=c']);
    expect(runtime.calls.outcomes.counts).toMatchObject({ cancelled: 1, failures: 0 });
    expect(runtime.limiter).toMatchObject({ running: 0, undecided: 0 });
    at.receive(head(2));
    at.abort();
    await settled();
    expect(cancelled.slice(2)).toEqual(['connection_closed', '/a?b=c']);
  });
});

test('does not count requests that were only kept as cancelled when the connection ends', () => {
  const cancelled: unknown[] = [];
  const { connect, runtime } = start({
    onRequestHeaders: () => allow(),
    onCancel: (reason) => void cancelled.push(reason),
  });
  const at = connect();
  at.receive(head(1));
  at.receive(head(2));
  at.receive({ type: 'cancel', id: 2, reason: 'upstream_error' });
  at.abort();
  expect(cancelled).toEqual(['upstream_error']);
  expect(runtime.calls.outcomes.counts.cancelled).toBe(1);
});

test('survives exceptions of notification handlers', () => {
  const fail = (): never => {
    throw new Error('no');
  };
  const at = start({ onRequestHeaders: () => allow(), onDrain: fail, onShutdown: fail, onCancel: fail }).connect();
  at.receive({ type: 'drain' });
  at.receive({ type: 'shutdown' });
  at.receive(head(1));
  at.receive({ type: 'cancel', id: 1 });
  expect(at.status).toBe('open');
});

test('survives rejections of async notification handlers', async () => {
  const errors: unknown[] = [];
  const unhandled: unknown[] = [];
  const note = (error: unknown): void => void unhandled.push(error);
  process.on('unhandledRejection', note);
  onTestFinished(() => void process.off('unhandledRejection', note));
  const logger = { ...silentLogger, error: (fields: object) => void errors.push(fields) };
  const onDrain = (): void => Promise.reject(new Error('no')) as unknown as void;
  const at = start({ onRequestHeaders: () => allow(), onDrain }, { logger }).connect();
  at.receive({ type: 'drain' });
  await new Promise((resolve) => setImmediate(resolve));
  expect(errors).toMatchObject([{ handler: 'onDrain' }]);
  expect(unhandled).toEqual([]);
});

describe('maxConcurrentRequests', () => {
  test('pauses at the limit, over all connections, refuses past it, and resumes', async () => {
    const release: (() => void)[] = [];
    const { connect, runtime } = start({
      maxConcurrentRequests: 2,
      onRequestHeaders: () => new Promise((resolve) => release.push(() => resolve(allow()))),
    });
    const [first, second] = [connect(), connect()];
    first.receive(head(1));
    expect(first.sent).toEqual([]);
    second.receive(head(1));
    const pause = expect.objectContaining({ type: 'flowControl', action: 'pause' }) as object;
    expect([first.sent, second.sent]).toEqual([[pause], [pause]]);
    expect(connect().sent).toEqual([pause]);
    first.receive(head(2));
    expect(first.answers).toMatchObject([{ verdict: { status: 503 }, error: { code: 'ERR_OVERLOADED' } }]);
    expect(runtime.calls.outcomes.counts.overloaded).toBe(1);
    for (const done of release) done();
    await settled();
    expect(second.sent.at(-2)).toMatchObject({ type: 'flowControl', action: 'resume' });
    expect(runtime.limiter.paused).toBe(false);
  });
});

test('does not count a handler that waits for a body, which may never arrive', async () => {
  const { connect, runtime } = start({
    maxConcurrentRequests: 1,
    requestBody: true,
    onRequestHeaders: async (request) => (await request.bytes(), allow()),
  });
  const at = connect();
  for (const id of [1, 2, 3]) at.receive(head(id));
  await settled();
  expect(at.answers).toHaveLength(3);
  expect(runtime.limiter).toMatchObject({ running: 0, undecided: 3 });
  expect(runtime.calls.outcomes.counts.overloaded).toBe(0);
});

describe('quirks of a peer', () => {
  const quirky = { ...OURS, quirks: ['challenge_is_allow', 'redirect_is_error'] as const };
  const challenger = {
    onRequestHeaders: () => ({ verdict: { type: 'challenge', challengeType: 'captcha', params: {} } }) as const,
  };

  test('are logged once', () => {
    const logger = spyLogger();
    const at = start(challenger, { logger }).connect(quirky);
    at.receive(head(1));
    at.receive(head(2));
    expect(at.answers).toMatchObject([{ verdict: { type: 'challenge' } }, { verdict: { type: 'challenge' } }]);
    expect(logger.lines).toEqual([expect.stringContaining('challengeFallback')]);
  });

  test.each([
    ['block', ['block', 'challenge', 'challenge', 'challenge']],
    ['always', ['block', 'block', 'block', 'block']],
    ['none', ['challenge', 'challenge', 'challenge', 'challenge']],
  ] as const)('challengeFallback %s: a challenge is %j', (challengeFallback, expected) => {
    const { connect } = start(challenger, { challengeFallback });
    const thirdParty = { ...RELEASED, name: 'another' };
    // an agentwire proxy of that name, which negotiates a feature of agentwire
    const named = { ...RELEASED, features: ['errors'] };
    const answers = [RELEASED, thirdParty, named, OURS].map((peer) => {
      const at = connect(peer);
      at.receive(head(1));
      return at.answers[0];
    });
    expect(answers).toMatchObject(expected.map((type) => ({ verdict: { type } })));
    if (challengeFallback === 'block') {
      expect(answers[0]).toEqual({
        verdict: { type: 'block', status: 403 },
        audit: { reasonCodes: ['agentwire:challenge_fallback'] },
      });
    }
  });
});

test('creates no signal unless a handler asks for it', () => {
  const contexts: HandlerContext[] = [];
  const spy = vi.spyOn(globalThis, 'AbortController');
  const at = start({ onRequestHeaders: (_, context) => (contexts.push(context), allow()) }).connect();
  at.receive(head(1));
  expect(spy).not.toHaveBeenCalled();
  expect(contexts[0]?.signal.aborted).toBe(false);
  expect(spy).toHaveBeenCalled();
  spy.mockRestore();
});

test('reports the errors of its own clients as errors of the handler, not of the connection', async () => {
  const codes = ['ERR_CONNECT', 'ERR_TIMEOUT', 'ERR_OVERLOADED', 'ERR_CLOSED', 'ERR_PROTOCOL', 'ERR_REFUSED'] as const;
  for (const code of codes) {
    const fail = (): never => {
      throw new AgentwireError(code, 'to my database');
    };
    const later = async (): Promise<never> => fail();
    const sync = start({ onRequestHeaders: fail, onRequestBodyChunk: fail, onGuardrail: fail }).connect();
    const async = start({ onRequestHeaders: later, onRequestBodyChunk: later, onGuardrail: later }).connect();
    for (const at of [sync, async]) {
      at.receive(head(1));
      at.receive(chunk(1, 0, 'a', true));
      at.receive({
        type: 'guardrailInspect',
        id: 2,
        inspectionType: 'prompt_injection',
        content: '',
        categories: [],
        metadata: {},
      });
      await settled();
      const error = { code: 'ERR_HANDLER', message: `the agent's handler failed with ${code}` };
      expect(at.answers).toMatchObject([{ error }, { error }, { error }]);
    }
  }
});
