import type { Logger } from '@agentwire/core';
import { describe, expect, test } from 'vitest';
import { type AgentDefinition, allow, block, closeWebSocket, pass, replace } from '../../src/index.ts';
import { chunk, head, response, settled } from '../events.ts';
import { start } from './start.ts';

interface Line {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

function recorder(): { readonly lines: Line[]; readonly logger: Logger } {
  const lines: Line[] = [];
  const at =
    (level: string) =>
    (fields: Readonly<Record<string, unknown>>, message: string): void =>
      void lines.push({ level, message, fields });
  return { lines, logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } };
}

const REQUEST = { method: 'POST', path: '/a', requestId: 'r-1' };

describe('a handler that fails is one line with its request, one failure answer and one count', () => {
  test.each<[string, Partial<AgentDefinition>, object]>([
    [
      'throws',
      {
        onRequestHeaders() {
          throw new TypeError('broken');
        },
      },
      { err: expect.any(TypeError) as Error },
    ],
    [
      'rejects',
      {
        async onRequestHeaders() {
          await settled();
          throw new TypeError('broken');
        },
      },
      { err: expect.any(TypeError) as Error },
    ],
    ['throws what is no error', { onRequestHeaders: () => Promise.reject('x') }, { code: 'ERR_HANDLER' }],
    ['returns nothing', { onRequestHeaders: () => undefined as never }, { code: 'ERR_HANDLER' }],
    ['passes a chunk at a head', { onRequestHeaders: () => pass() }, { code: 'ERR_HANDLER' }],
    ['replaces a chunk at a head', { onRequestHeaders: async () => replace('x') }, { code: 'ERR_HANDLER' }],
    ['closes a WebSocket at a head', { onRequestHeaders: () => closeWebSocket(1000) }, { code: 'ERR_HANDLER' }],
  ])('it %s', async (_what, definition, fields) => {
    const { lines, logger } = recorder();
    const { runtime, connect } = start(definition, { logger });
    const at = connect();
    at.receive(head(1));
    await settled();
    await settled();
    expect(at.answers).toMatchObject([{ verdict: { type: 'block', status: 500 }, error: { code: 'ERR_HANDLER' } }]);
    expect(lines).toEqual([
      {
        level: 'error',
        message: 'a handler failed',
        fields: expect.objectContaining({ ...REQUEST, ...fields }) as object,
      },
    ]);
    expect(JSON.stringify(lines)).not.toContain('b=c');
    expect(runtime.calls.outcomes.counts.failures).toBe(1);
    expect(runtime.limiter).toMatchObject({ running: 0, undecided: 0 });
  });

  test.each(['/a%2fb', '/..%5c', '/%zz', 'no path'])(
    'it rejects for %s, whose path handlers do not get: the failure is answered and logged with the path as it was sent',
    async (uri) => {
      const { lines, logger } = recorder();
      const { runtime, connect } = start(
        { onRequestHeaders: () => Promise.reject(new TypeError('broken')) },
        { logger },
      );
      const at = connect();
      at.receive(head(1, { uri: `${uri}?b=c` }));
      await settled();
      await settled();
      expect(at.answers).toMatchObject([{ verdict: { type: 'block', status: 500 } }]);
      expect(lines).toMatchObject([{ message: 'a handler failed', fields: { path: uri } }]);
      expect(runtime.limiter).toMatchObject({ running: 0, undecided: 0 });
    },
  );

  test('it rejects for a response whose head the agent did not see: no wire id passes for the id of a request', async () => {
    const { lines, logger } = recorder();
    const { connect } = start({ onResponseHeaders: () => Promise.reject(new TypeError('broken')) }, { logger });
    connect().receive(response(7));
    await settled();
    await settled();
    expect(lines).toMatchObject([{ message: 'a handler failed', fields: { wireId: '7' } }]);
    expect(lines[0]?.fields).not.toHaveProperty('requestId');
  });

  test('it closes a WebSocket at a response, and a chunk', async () => {
    const at = start({
      responseBody: true,
      onRequestHeaders: () => allow().done(),
      onResponseHeaders: () => closeWebSocket(1000),
      onRequestBodyChunk: () => closeWebSocket(1000),
    }).connect();
    at.receive(head(1));
    at.receive(response(1));
    at.receive(chunk(1, 0, 'a', true));
    expect(at.answers.slice(1)).toMatchObject([{ error: { code: 'ERR_HANDLER' } }, { error: { code: 'ERR_HANDLER' } }]);
  });

  test('it decides after the deadline: the failure is the answer, and a late block is named', async () => {
    const { lines, logger } = recorder();
    const gate = Promise.withResolvers<void>();
    const { runtime, clock, connect } = start(
      {
        handlerTimeoutMs: 50,
        async onRequestHeaders() {
          await gate.promise;
          return block(403);
        },
      },
      { logger },
    );
    const at = connect();
    at.receive(head(1));
    clock.advance(100);
    await settled();
    expect(at.answers).toMatchObject([{ error: { code: 'ERR_TIMEOUT' } }]);
    gate.resolve();
    await settled();
    expect(at.answers).toHaveLength(1);
    expect(lines).toMatchObject([
      { level: 'error', message: 'a handler did not decide in time', fields: { ...REQUEST, code: 'ERR_TIMEOUT' } },
      {
        level: 'warn',
        message: expect.stringContaining('too late') as string,
        fields: { ...REQUEST, decision: 'block' },
      },
    ]);
    expect(runtime.calls.outcomes.counts).toMatchObject({ timeouts: 1, failures: 1 });
  });

  test('and a flood of them is counted', async () => {
    const { lines, logger } = recorder();
    const { clock, connect } = start(
      {
        onRequestHeaders() {
          throw new Error('broken');
        },
      },
      { logger },
    );
    const at = connect();
    for (let id = 1; id <= 100; id++) at.receive(head(id));
    expect(lines).toHaveLength(1);
    clock.advance(10_000);
    expect(lines).toHaveLength(2);
    expect(lines[1]).toMatchObject({ fields: { repeats: 99 } });
  });
});
