import { ALLOW, type Decision, type ProxyEvent } from '@agentwire/core';
import { expect, test } from 'vitest';
import { head, settle, setup } from './setup.ts';

const EVENTS = [
  'requestHeaders',
  'requestBodyChunk',
  'responseHeaders',
  'responseBodyChunk',
  'requestComplete',
  'webSocketFrame',
  'guardrailInspect',
  'configure',
] as const;
const data = new Uint8Array([1, 2]);
const headers = ['content-type', 'text/plain'];
const END = { status: 200, durationMs: 1, requestBodySize: 2, responseBodySize: 2, upstreamAttempts: 1 };

test('each method named after an event sends that event, with what it was given', async () => {
  const { pool, serve } = setup();
  const seen: ProxyEvent[] = [];
  const onEvent = (event: ProxyEvent): Decision => {
    seen.push(event);
    return { ...ALLOW, needsMore: event.type === 'requestHeaders' || event.type === 'responseHeaders' };
  };
  await serve('memory:a', onEvent, { events: EVENTS, configPush: true });
  await pool.addAgent('a', 'memory:a');
  const { type: _, ...first } = head(1, '/first');
  await pool.sendRequestHeaders('a', { ...first, hasBody: true });
  await pool.sendRequestBodyChunk('a', { id: 1, index: 0, data, last: true });
  await pool.sendResponseHeaders('a', { id: 1, status: 201, headers });
  await pool.sendResponseBodyChunk('a', { id: 1, index: 0, data, last: true });
  const frame = { id: 1, opcode: 'text', data, clientToServer: true, fin: true, index: 0, clientIp: '::1' } as const;
  await pool.sendWebSocketFrame('a', frame);
  expect(pool.sendRequestComplete('a', { id: 1, ...END })).toBe(true);
  const inspection = { id: 2, inspectionType: 'pii_detection', content: 'text', categories: [], metadata: {} } as const;
  await pool.sendGuardrailInspect('a', inspection);
  await pool.pushConfig('a', { config: { a: 1 }, version: 'v1' });
  await settle();
  expect(seen.map(({ type }) => type).toSorted()).toEqual([...EVENTS, 'configure'].toSorted());
  const of = (type: ProxyEvent['type']): ProxyEvent | undefined => seen.find((event) => event.type === type);
  expect(of('requestHeaders')).toMatchObject({ uri: '/first' });
  for (const type of ['requestBodyChunk', 'responseBodyChunk'] as const)
    expect(of(type)).toMatchObject({ data, last: true });
  expect(of('responseHeaders')).toMatchObject({ status: 201, headers });
  expect(of('webSocketFrame')).toMatchObject({ opcode: 'text', data });
  expect(of('requestComplete')).toMatchObject(END);
  expect(of('guardrailInspect')).toMatchObject({ content: 'text' });
  expect(of('configure')).toMatchObject({ config: { a: 1 }, configVersion: 'v1' });
});

test('what the pool counts has the names and labels of the documents', async () => {
  const counts = new Map<string, number>();
  const metrics = {
    count: (name: string, labels: object, value = 1): void => {
      const key = [name, ...Object.values(labels)].join(' ');
      counts.set(key, (counts.get(key) ?? 0) + value);
    },
    gauge: () => undefined,
    observe: () => undefined,
  };
  const { pool, clock, serve } = setup({ metrics, requestTimeoutMs: 100, outlierEjectionThreshold: 1 });
  const { promise: never } = Promise.withResolvers<Decision>();
  const answers: (Decision | Promise<Decision>)[] = [];
  const onEvent = (): Decision | Promise<Decision> => answers.shift() ?? ALLOW;
  await serve('memory:a', onEvent, { events: ['requestHeaders', 'configure'], configPush: true });
  await pool.addAgent('a', 'memory:a', { onFailure: 'open' });
  const refused: Decision = { verdict: { type: 'block', status: 403 } };
  await pool.request('a', head(1));
  answers.push(refused);
  await pool.request('a', head(2));
  answers.push(never);
  const cancelled = pool.request('a', head(3)).catch(() => undefined);
  await settle();
  await pool.cancelRequest('a', 3);
  await cancelled;
  answers.push(never);
  const late = pool.decide('a', head(4));
  await settle();
  clock.advance(100);
  await late;
  await pool.pushConfig('a', { config: 1, version: 'v1' });
  answers.push(refused);
  await pool.pushConfig('a', { config: 1, version: 'v2' });
  pool.recordShadow('a', { decided: 'allow', observed: 'block' });
  expect(Object.fromEntries(counts)).toEqual({
    'agent_cancelled_total a': 1,
    'agent_config_pushes_total a accepted': 3,
    'agent_config_pushes_total a refused': 1,
    'agent_ejections_total a': 1,
    'agent_errors_total a ERR_ABORTED': 1,
    'agent_errors_total a ERR_TIMEOUT': 1,
    'agent_failures_total a open timeout': 1,
    'agent_requests_total a allow': 4,
    'agent_requests_total a block': 2,
    'agent_shadow_decisions_total a allow block': 1,
  });
});
