import {
  type Capabilities,
  type Decision,
  EVENT_TYPES,
  FEATURES,
  type ProxyEvent,
  type RequestHeaders,
} from '@agentwire/core';
import { serveSessions } from '@agentwire/core/session';
import { createManualClock } from '@agentwire/core/testing';
import { Pipeline, type PipelineOptions, Refusal, resolvePipelineOptions } from '@agentwire/pipeline';
import { AgentPool } from '@agentwire/pool';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { describe, expect, onTestFinished, test } from 'vitest';

const CAPABILITIES: Capabilities = {
  events: EVENT_TYPES,
  streaming: true,
  cancellation: true,
  flowControl: false,
  healthReporting: false,
  metricsExport: false,
  configPush: false,
};

type Answering = (event: ProxyEvent) => Decision | Promise<Decision>;

const allow = (more: Partial<Decision> = {}): Decision => ({ verdict: { type: 'allow' }, ...more });

/** A pool with agents in memory. */
async function poolOf(agents: Readonly<Record<string, Answering>>): Promise<AgentPool> {
  const transport = createMemoryTransport();
  const pool = new AgentPool({ transports: [transport] });
  onTestFinished(() => pool.close());
  for (const [name, onEvent] of Object.entries(agents)) {
    const self = { role: 'agent' as const, name, version: '1', features: FEATURES, encodings: ['json'] };
    const listener = await serveSessions(
      transport,
      `memory:${name}`,
      { onEvent },
      { self: { ...self, capabilities: CAPABILITIES } },
    );
    onTestFinished(() => listener.close());
    await pool.addAgent(name, `memory:${name}`);
  }
  return pool;
}

const head = (headers: readonly string[] = [], hasBody = false): RequestHeaders => ({
  type: 'requestHeaders',
  id: '1',
  metadata: {
    correlationId: '1',
    requestId: '1',
    clientIp: '192.0.2.1',
    clientPort: 1,
    protocol: 'HTTP/1.1',
    timestamp: '2026-01-01T00:00:00Z',
  },
  method: 'POST',
  uri: '/',
  headers,
  hasBody,
});

const open = (options: PipelineOptions): Pipeline => new Pipeline(resolvePipelineOptions(options));
const bytes = (text: string): Uint8Array => Buffer.from(text);
const UNSENT = { requestSent: false, responseSent: false };

describe('a pipeline', () => {
  test('counts the time of agents that it asks together once', async () => {
    const clock = createManualClock();
    const all = Promise.withResolvers<undefined>();
    let asked = 0;
    const agent: Answering = async () => {
      if (++asked === 3) {
        clock.advance(200);
        all.resolve(undefined);
      }
      await all.promise;
      return allow();
    };
    const pipeline = open({ pool: await poolOf({ a: agent, b: agent, c: agent }), agents: [['a', 'b', 'c']], clock });
    await pipeline.onRequest(head());
    expect([asked, pipeline.waitedMs]).toEqual([3, 200]);
  });

  test('asks agents in order, each with the changes of those before it', async () => {
    const seen: string[] = [];
    const agent =
      (name: string): Answering =>
      (event) => {
        if (event.type === 'requestHeaders') seen.push(`${name} saw ${event.headers.join(' ')}`);
        return allow({ requestHeaders: [{ op: 'set', name: `x-${name}`, value: '1' }] });
      };
    const pool = await poolOf({ a: agent('a'), b: agent('b') });
    const pipeline = open({ pool, agents: ['a', 'b'] });
    const { headers, wantBody } = await pipeline.onRequest(head(['host', 'h']));
    expect(seen).toEqual(['a saw host h', 'b saw host h x-a 1']);
    expect(headers).toEqual(['host', 'h', 'x-a', '1', 'x-b', '1']);
    expect(wantBody).toEqual([]);
  });

  test('ends with a Refusal that names the agent, and asks none after it', async () => {
    let asked = 0;
    const pool = await poolOf({
      a: () => ({ verdict: { type: 'block', status: 403 } }),
      b: () => {
        asked += 1;
        return allow();
      },
    });
    const error: unknown = await open({ pool, agents: ['a', 'b'] })
      .onRequest(head())
      .catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(Refusal);
    expect(error).toMatchObject({ agent: 'a', decision: { verdict: { status: 403 } } });
    expect(asked).toBe(0);
  });

  test('asks no agent once it is cancelled, and fails what has no answer', async () => {
    const asked: string[] = [];
    const agent =
      (name: string): Answering =>
      () => {
        asked.push(name);
        return allow();
      };
    const pool = await poolOf({ a: agent('a'), b: agent('b') });
    const pipeline = open({ pool, agents: ['a', 'b'] });
    const judged = pipeline.onRequest(head());
    pipeline.cancel('1');
    await expect(judged).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    const response = { type: 'responseHeaders', id: '1', status: 200, headers: [], hasBody: false } as const;
    await expect(pipeline.onResponse(response)).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    const frame = { id: '1', opcode: 'text', data: bytes('x'), clientToServer: true, index: 0, fin: true } as const;
    const judgedFrame = pipeline.judgeFrame({ type: 'webSocketFrame', clientIp: '192.0.2.1', ...frame });
    await expect(judgedFrame).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    expect(asked).not.toContain('b');
    expect(pool.stats.agents).toMatchObject([{ liveRequests: 0 }, { liveRequests: 0 }]);
  });

  test('filters a body, and takes changes of the head until it is sent', async () => {
    const reads: Answering = (event) => {
      if (event.type !== 'requestBodyChunk') return allow({ needsMore: true });
      const requestBodyMutation = {
        index: event.index,
        data: bytes(Buffer.from(event.data).toString().toUpperCase()),
      };
      return allow({
        requestBodyMutation,
        needsMore: !event.last,
        requestHeaders: [{ op: 'set', name: 'x', value: '1' }],
      });
    };
    const pool = await poolOf({ reads });
    const early = open({ pool, agents: ['reads'] });
    const { wantBody } = await early.onRequest(head([], true));
    expect(wantBody).toEqual(['reads']);
    const filter = early.requestBody('1', wantBody, UNSENT);
    expect(Buffer.from(await filter.filter(bytes('abc'), true)).toString()).toBe('ABC');
    expect(filter.done).toBe(true);
    expect(early.requestOps).toEqual([{ op: 'set', name: 'x', value: '1' }]);
    early.complete('1', { status: 200, durationMs: 1, requestBodySize: 3, responseBodySize: 0, upstreamAttempts: 1 });

    const late = open({ pool, agents: ['reads'] });
    await late.onRequest(head([], true));
    const error = late
      .requestBody('1', ['reads'], { requestSent: true, responseSent: false })
      .filter(bytes('abc'), true);
    await expect(error).rejects.toMatchObject({ agent: 'reads', decision: { verdict: { type: 'block' } } });
    late.cancel('1');
  });

  test('passes a request unasked where it has no agents', async () => {
    const pool = await poolOf({});
    const pipeline = open({ pool });
    const lines = ['host', 'h'];
    expect((await pipeline.onRequest(head(lines))).headers).toBe(lines);
    expect(pipeline.judgesResponses).toBe(false);
  });
});

test.each([
  [{ agents: 'waf' }, 'agents must be a list of names'],
  [{ agents: ['waf', ['waf']] }, 'agents names "waf" twice'],
  [{ agents: [[]] }, 'agents has an empty list in it'],
  [{ decisionTimeoutMs: '1' }, 'decisionTimeoutMs must be an integer from 1 to 86400000, got "1" (string)'],
  [{ maxChunkBytes: 0 }, 'maxChunkBytes must be an integer from 1'],
  [{ steps: [] }, 'a pipeline has no option "steps"; it knows pool, agents, '],
])('options %j are refused', async (wrong, message) => {
  const pool = await poolOf({});
  expect(() => resolvePipelineOptions({ pool, ...wrong } as PipelineOptions)).toThrow(message);
});

test('a pipeline needs a pool', () => {
  expect(() => resolvePipelineOptions({} as PipelineOptions)).toThrow('a pipeline needs a pool');
});
