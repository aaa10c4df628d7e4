import { ALLOW, type Decision, type ProxyEvent, type RequestMetadata } from '@agentwire/core';
import { serveSessions, type SessionHandler } from '@agentwire/core/session';
import {
  AgentClientV2Uds,
  BinaryRequestBodyChunk,
  createUdsTransport,
  type AgentClientV2UdsOptions,
} from '@agentwire/transport-uds';
import { describe, expect, onTestFinished, test } from 'vitest';
import { agentHello, temporaryFolder } from './fixtures.ts';

const metadata: RequestMetadata = {
  correlationId: 'c',
  requestId: 'r',
  clientIp: '192.0.2.1',
  clientPort: 1,
  protocol: 'HTTP/1.1',
  timestamp: '2025-01-01T00:00:00Z',
};
const headersOf = (id: number | string) => ({
  id,
  metadata,
  method: 'POST',
  uri: '/',
  headers: ['host', 'a'],
  hasBody: true,
});
const BLOCK: Decision = { verdict: { type: 'block', status: 403 } };

/** An agent that answers with what `decide` says, and a client of it. */
async function setUp(
  decide: SessionHandler['onEvent'],
  options: AgentClientV2UdsOptions = {},
): Promise<{ client: AgentClientV2Uds; events: ProxyEvent[] }> {
  const path = `${temporaryFolder()}/a.sock`;
  const events: ProxyEvent[] = [];
  const handler: SessionHandler = {
    onEvent(event, request) {
      events.push(event);
      request.retain = true;
      return decide(event, request);
    },
  };
  const self = { ...agentHello, features: [...agentHello.features, 'request_complete'] };
  const listener = await serveSessions(createUdsTransport(), `unix:${path}`, handler, { self });
  const client = await AgentClientV2Uds.connect(path, options);
  onTestFinished(async () => {
    await client.close();
    await listener.close();
  });
  return { client, events };
}

test('the handshake is done by connect, and capabilities tell what came of it', async () => {
  const { client } = await setUp(() => ALLOW);
  expect(client.capabilities).toMatchObject({ streaming: true, cancellation: true, maxConcurrentRequests: 7 });
  expect(client.peer).toMatchObject({ name: 'test-agent', encoding: 'msgpack', dialect: 'documented' });
  expect(await client.ping()).toBeGreaterThanOrEqual(0);
});

test.each(['json', 'msgpack'])(
  'all events of one request go to the agent, bodies as bytes, in %s',
  async (encoding) => {
    const { client, events } = await setUp(() => ({ ...ALLOW, needsMore: true }), { encodings: [encoding] });
    const data = Uint8Array.of(0, 255, 128);
    expect(await client.sendRequestHeaders(headersOf('mine'))).toMatchObject({
      verdict: { type: 'allow' },
      needsMore: true,
    });
    await client.sendRequestBodyChunk({ id: 'mine', index: 0, data, last: false });
    await client.sendRequestBodyChunkBinary(new BinaryRequestBodyChunk({ id: 'mine', index: 1, data, last: true }));
    await client.sendResponseHeaders({ id: 'mine', status: 200, headers: [], hasBody: true });
    await client.sendResponseBodyChunk({ id: 'mine', index: 0, data, last: true });
    expect(client.peer.encoding).toBe(encoding);
    expect(events.map((event) => event.type)).toEqual([
      'requestHeaders',
      'requestBodyChunk',
      'requestBodyChunk',
      'responseHeaders',
      'responseBodyChunk',
    ]);
    expect(new Set(events.map((event) => event.id)).size).toBe(1);
    expect(events[2]).toMatchObject({ index: 1, last: true, data: Buffer.from(data) });
    expect(client.liveRequests).toBe(1);
  },
);

describe('the end of a request', () => {
  test('an answer that is not allow ends it', async () => {
    const { client } = await setUp(() => BLOCK);
    expect(await client.sendRequestHeaders(headersOf(0))).toMatchObject(BLOCK);
    expect(client.liveRequests).toBe(0);
    const chunk = { id: 0, index: 0, data: new Uint8Array(0), last: true };
    await expect(client.sendRequestBodyChunk(chunk)).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' });
  });

  test('completeRequest tells the agent, endRequest does not', async () => {
    const { client, events } = await setUp(() => ALLOW);
    const summary = { status: 200, durationMs: 1, requestBodySize: 0, responseBodySize: 0, upstreamAttempts: 1 };
    await client.sendRequestHeaders(headersOf(1));
    await client.sendRequestHeaders(headersOf(2));
    client.completeRequest(1, summary);
    client.endRequest(2);
    client.endRequest(3);
    expect(client.liveRequests).toBe(0);
    await client.ping();
    expect(events.map((event) => event.type)).toEqual(['requestHeaders', 'requestHeaders', 'requestComplete']);
  });

  test('cancelRequest reaches the handler and rejects what waits', async () => {
    const cancelled = Promise.withResolvers<void>();
    const { client } = await setUp((_, request) => {
      request.signal.addEventListener('abort', () => cancelled.resolve());
      return new Promise<Decision>(() => undefined);
    });
    const answer = client.sendRequestHeaders(headersOf(1));
    await client.ping();
    client.cancelRequest(1, 'client_disconnect');
    await expect(answer).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    await cancelled.promise;
    expect(client.liveRequests).toBe(0);
  });

  test('cancelAll gives up every request', async () => {
    const { client } = await setUp(() => new Promise<Decision>(() => undefined));
    const answers = [1, 2, 3].map((id) => client.sendRequestHeaders(headersOf(id)));
    client.cancelAll();
    const outcomes = await Promise.allSettled(answers);
    expect(
      outcomes.map((outcome) => (outcome.status === 'rejected' ? (outcome.reason as { code: string }).code : '')),
    ).toEqual(Array(3).fill('ERR_ABORTED'));
    expect(client.liveRequests).toBe(0);
  });

  test('close rejects what waits', async () => {
    const { client } = await setUp(() => new Promise<Decision>(() => undefined));
    const answer = client.sendRequestHeaders(headersOf(1));
    const outcome = expect(answer).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await client.close();
    await outcome;
    await expect(client.sendRequestHeaders(headersOf(2))).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });
});

test('the id of a live request cannot be used again, one that ended can', async () => {
  const { client } = await setUp(() => ALLOW);
  await client.sendRequestHeaders(headersOf(7));
  await expect(client.sendRequestHeaders(headersOf(7))).rejects.toMatchObject({ code: 'ERR_DUPLICATE_REQUEST' });
  client.endRequest(7);
  await expect(client.sendRequestHeaders(headersOf(7))).resolves.toMatchObject(ALLOW);
});

test('an unknown option and a missing agent are told', async () => {
  const bad = { pathh: 'x' } as AgentClientV2UdsOptions;
  await expect(AgentClientV2Uds.connect('/tmp/x.sock', bad)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  await expect(AgentClientV2Uds.connect(`${temporaryFolder()}/a.sock`)).rejects.toMatchObject({ code: 'ERR_CONNECT' });
});
