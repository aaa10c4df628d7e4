import {
  type Capabilities,
  type Decision,
  EVENT_TYPES,
  FEATURES,
  type ProxyEvent,
  type RequestHeaders,
} from '@agentwire/core';
import { serveSessions } from '@agentwire/core/session';
import { Pipeline, resolvePipelineOptions } from '@agentwire/pipeline';
import { AgentPool } from '@agentwire/pool';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { expect, onTestFinished, test } from 'vitest';

const CAPABILITIES: Capabilities = {
  events: EVENT_TYPES,
  streaming: true,
  cancellation: true,
  flowControl: false,
  healthReporting: false,
  metricsExport: false,
  configPush: false,
};

/** Pool with an agent that fails open and asks for every chunk; its second one fails. */
async function poolOf(change: Partial<Decision>): Promise<AgentPool> {
  const transport = createMemoryTransport();
  const pool = new AgentPool({ transports: [transport] });
  onTestFinished(() => pool.close());
  const onEvent = (event: ProxyEvent): Decision => {
    if ('index' in event && event.index > 0) throw new Error('the agent failed');
    return { verdict: { type: 'allow' }, needsMore: true, ...change };
  };
  const listener = await serveSessions(
    transport,
    'memory:waf',
    { onEvent },
    {
      self: {
        role: 'agent',
        name: 'waf',
        version: '1',
        features: FEATURES,
        encodings: ['json'],
        capabilities: CAPABILITIES,
      },
    },
  );
  onTestFinished(() => listener.close());
  await pool.addAgent('waf', 'memory:waf', { onFailure: 'open' });
  return pool;
}

const HEAD: RequestHeaders = {
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
  headers: [],
  hasBody: true,
};

const bytes = (text: string): Uint8Array => Buffer.from(text);
const EMPTY = bytes('');

test.each(['request', 'response'] as const)(
  'the rest of a %s body passes an agent that fails open, but not where it has held back a part of it',
  async (kind) => {
    const filterFor = async (data: Uint8Array | undefined): Promise<ReturnType<Pipeline['requestBody']>> => {
      const mutation = data === undefined ? {} : { [`${kind}BodyMutation`]: { index: 0, data } };
      const pipeline = new Pipeline(resolvePipelineOptions({ pool: await poolOf(mutation), agents: ['waf'] }));
      await pipeline.onRequest(HEAD);
      return kind === 'request'
        ? pipeline.requestBody('1', ['waf'], { responseSent: false })
        : pipeline.responseBody('1', ['waf'], [], { responseSent: false });
    };
    const untouched = await filterFor(undefined);
    await untouched.filter(bytes('a'), false);
    expect(Buffer.from(await untouched.filter(bytes('b'), true)).toString()).toBe('b');

    for (const change of [EMPTY, bytes('x')]) {
      const changed = await filterFor(change);
      await changed.filter(bytes('a'), false);
      await expect(changed.filter(bytes('b'), true)).rejects.toMatchObject({
        agent: 'waf',
        decision: { verdict: { type: 'block', status: 503 }, audit: { tags: ['agentwire:fail-closed'] } },
      });
    }
  },
);
