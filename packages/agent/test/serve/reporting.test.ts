import type { ConfigUpdate, Hello, Logger } from '@agentwire/core';
import { type AgentNotice, connectSession, type ProxySession } from '@agentwire/core/session';
import { createManualClock, type ManualClock } from '@agentwire/core/testing';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { expect, onTestFinished, test } from 'vitest';
import { allow, type AgentServer, defineAgent, type HandlerContext, serveAgent } from '../../src/index.ts';
import { head, settled } from '../events.ts';

const { id: _, ...HEAD } = head(1, { hasBody: false });

interface Started {
  readonly server: AgentServer;
  readonly session: ProxySession;
  readonly notices: AgentNotice[];
  readonly clock: ManualClock;
  readonly local: unknown[];
}

/** An agent, and a proxy that has these features. */
async function start(
  features: readonly string[],
  onRequest: (context: HandlerContext) => void = () => undefined,
): Promise<Started> {
  const clock = createManualClock();
  const transport = createMemoryTransport({ clock });
  const local: unknown[] = [];
  const keep = (fields: object, message: string): void => void local.push({ ...fields, message });
  const logger: Logger = { debug: () => undefined, info: keep, warn: keep, error: keep };
  const agent = defineAgent({
    name: 'reporter',
    version: '1',
    onRequestHeaders(_request, context) {
      onRequest(context);
      return allow();
    },
  });
  const server = await serveAgent(agent, { transports: [transport], listen: ['memory:reporter'], clock, logger });
  const notices: AgentNotice[] = [];
  const self: Hello = { role: 'proxy', name: 'p', version: '1', features, encodings: ['json'] };
  const session = await connectSession(transport, 'memory:reporter', {
    self,
    clock,
    onNotice: (notice, from) => {
      notices.push(notice);
      if (notice.type !== 'configUpdateRequest') return;
      const { requestId, update, timestampMs } = notice;
      if (update.type === 'restartRequired') return;
      const error = update.type === 'configError' ? 'not here' : undefined;
      from.notify({ type: 'configUpdateResponse', requestId, accepted: error === undefined, error, timestampMs });
    },
  });
  onTestFinished(async () => {
    await session.close();
    await server.close();
  });
  return { server, session, notices, clock, local };
}

test('report() sends health and metrics at once, and again at each interval', async () => {
  const { server, notices, clock } = await start(['health', 'metrics']);
  const rules = { name: 'rules', labels: {}, value: 3 };
  server.report({
    health: { state: 'degraded', message: 'rules are old', disabledFeatures: ['lists'], timeoutMultiplier: 2 },
    metrics: { counters: [], gauges: [rules], histograms: [] },
  });
  await settled();
  const health = { type: 'healthStatus', state: 'degraded', message: 'rules are old', disabledFeatures: ['lists'] };
  const metrics = { type: 'metricsReport', gauges: expect.arrayContaining([rules]) as unknown };
  expect(notices).toMatchObject([{ ...health, timeoutMultiplier: 2 }, metrics]);
  clock.advance(10_000);
  await settled();
  expect(notices.slice(2)).toMatchObject([health, metrics]);
  server.report({ health: { state: 'unhealthy', message: 'no disk', recoverable: false } });
  await settled();
  expect(notices[4]).toMatchObject({ state: 'unhealthy', unhealthyReason: 'no disk', recoverable: false });
  expect(() => server.report({ health: { state: 'draining' as never } })).toThrow('health.state');
});

test('context.log() reaches the log of the proxy, with the request and within its bounds', async () => {
  const { session, notices, local, clock } = await start(['log'], (context) => {
    context.logger.info({}, 'stays here');
    context.log('warn', 'x'.repeat(5000), { rule: 'r-1', long: 'y'.repeat(2000) });
    for (let line = 0; line < 200; line++) context.log('info', `line ${line}`);
  });
  await session.request(HEAD);
  await settled();
  expect(notices).toHaveLength(100);
  expect(notices[0]).toMatchObject({ type: 'log', level: 'warn', fields: { rule: 'r-1' } });
  const first = notices[0] as { message: string; fields: Record<string, string>; id?: unknown };
  expect([first.message.length, first.fields['long']?.length]).toEqual([4096, 1024]);
  expect(first.id).toBeDefined();
  expect(first.fields['requestId']).toBe('r-1');
  clock.advance(10_000);
  expect(local).toMatchObject([
    { message: 'stays here' },
    { message: '101 log lines for proxies were left out: more than 100 in a second', leftOut: 101 },
  ]);
  await settled();
  expect(notices.slice(100)).toMatchObject([{ level: 'warn', fields: { leftOut: '101', limit: '100' } }]);
});

test('context.log() stays here where the proxy takes no lines', async () => {
  const sent: boolean[] = [];
  const { session, local } = await start([], (context) => sent.push(context.log('warn', 'a line', { a: 'b' })));
  await session.request(HEAD);
  expect([sent, local]).toEqual([[false], [{ a: 'b', message: 'a line', requestId: 'r-1' }]]);
});

test('requestConfig() gives the answer of the proxy, or says why there is none', async () => {
  const reload: ConfigUpdate = { type: 'requestReload' };
  const { server, session, clock } = await start(['config_update']);
  expect(await server.requestConfig(reload)).toEqual([{ proxy: 'p', accepted: true, error: undefined }]);
  expect(await server.requestConfig({ type: 'configError', error: 'x' })).toMatchObject([
    { accepted: false, error: 'not here' },
  ]);
  const silent = server.requestConfig({ type: 'restartRequired', reason: 'x', gracePeriodMs: 1 }, { timeoutMs: 1000 });
  await settled();
  clock.advance(1000);
  expect(await silent).toMatchObject([{ accepted: false, error: 'no answer within 1000 ms' }]);
  const lost = server.requestConfig({ type: 'restartRequired', reason: 'x', gracePeriodMs: 1 });
  await settled();
  await session.close();
  expect(await lost).toMatchObject([{ accepted: false, error: expect.stringContaining('ended') as string }]);
  await expect(server.requestConfig(reload)).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
});
