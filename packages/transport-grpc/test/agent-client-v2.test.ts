import { afterEach, describe, expect, test } from 'vitest';
import type { Decision } from '@agentwire/core';
import { serveSessions, type SessionListener } from '@agentwire/core/session';
import { AgentClientV2, createGrpcTransport } from '../src/index.ts';
import { makeIdentity } from './support/certificates.ts';
import { AGENT, requestHeaders } from './support/peers.ts';

const allow: Decision = { verdict: { type: 'allow' }, needsMore: true };
const block: Decision = { verdict: { type: 'block', status: 403 } };
const open: (SessionListener | AgentClientV2)[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});

const headers = (id: string) => {
  const { type: _type, ...event } = requestHeaders(id);
  return event;
};
const chunk = (id: string, last: boolean) => ({ id, index: 0, data: Uint8Array.of(1), last });

async function serve(address = 'grpc://127.0.0.1:0', transport = createGrpcTransport()): Promise<SessionListener> {
  const onEvent = ({ type }: { type: string }): Decision => (type === 'responseBodyChunk' ? block : allow);
  const listener = await serveSessions(transport, address, { onEvent }, { self: AGENT });
  open.push(listener);
  return listener;
}

describe('AgentClientV2', () => {
  test('asks about every event of a request, until one is not allowed', async () => {
    const { address } = await serve();
    const client = await AgentClientV2.connect(address.slice('grpc://'.length));
    open.push(client);
    expect(client.capabilities).toEqual(AGENT.capabilities);
    expect(await client.sendRequestHeaders(headers('1'))).toEqual(allow);
    await expect(client.sendRequestHeaders(headers('1'))).rejects.toMatchObject({ code: 'ERR_DUPLICATE_REQUEST' });
    expect(await client.sendRequestBodyChunk(chunk('1', true))).toEqual(allow);
    expect(await client.sendResponseHeaders({ id: '1', status: 200, headers: [], hasBody: true })).toEqual(allow);
    expect(await client.sendResponseBodyChunk(chunk('1', true))).toEqual(block);
    expect(client.liveRequests).toBe(0);
    await expect(client.sendRequestBodyChunk(chunk('1', true))).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' });
  });

  test('gives requests up, one or all', async () => {
    const { address } = await serve();
    const client = await AgentClientV2.connect(address);
    open.push(client);
    for (const id of ['1', '2', '3']) await client.sendRequestHeaders(headers(id));
    const pending = client.sendRequestBodyChunk(chunk('1', false));
    client.cancelRequest('1', 'client_disconnect');
    await expect(pending).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    client.endRequest('2');
    expect(client.liveRequests).toBe(1);
    client.cancelAll();
    expect(client.liveRequests).toBe(0);
  });

  test('connects over TLS, and refuses options that it does not know', async () => {
    const authority = makeIdentity('authority');
    const { cert, key } = makeIdentity('agent', authority);
    const { address } = await serve('grpcs://127.0.0.1:0', createGrpcTransport({ tls: { cert, key } }));
    const client = await AgentClientV2.connectWithTls(address.slice('grpcs://'.length), { ca: authority.cert });
    open.push(client);
    expect(await client.sendRequestHeaders(headers('1'))).toEqual(allow);
    const wrong = AgentClientV2.connect(address, { timeout: 5 } as object);
    await expect(wrong).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  });
});
