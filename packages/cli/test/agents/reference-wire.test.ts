import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConnectionHandler, Decision } from '@agentwire/core';
import { connectSession, type ProxySession } from '@agentwire/core/session';
import { createGrpcTransport } from '@agentwire/transport-grpc';
import { createUdsTransport } from '@agentwire/transport-uds';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import reference from '../../src/agents/reference.ts';
import { head, stage } from './play.ts';
import { referenceTable } from './reference-table.ts';

let folder = '';
let sockets = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aw-agents-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const socket = (): string => `unix:${join(folder, `${++sockets}.sock`)}`;

describe('reference agent over Unix sockets', () =>
  referenceTable(() => stage(reference, createUdsTransport(), socket())));
describe('reference agent over gRPC', () =>
  referenceTable(() => stage(reference, createGrpcTransport(), 'grpc://127.0.0.1:0')));
describe('reference agent in the zentinel dialect', () =>
  referenceTable(() => stage(reference, createUdsTransport({ dialect: 'zentinel' }), socket()), false));

it('follows the released proxy from connection to connection, and gives response bytes back', async () => {
  const transport = createUdsTransport({ dialect: 'zentinel' });
  const { server } = await stage(reference, transport, socket());
  const self = { role: 'proxy', name: 'zentinel-proxy', version: '0.6.45', features: [], encodings: ['json'] } as const;
  const connect = async (): Promise<ProxySession> => {
    const session = await connectSession(transport, server.endpoints[0] ?? '', { self, keepalive: false });
    onTestFinished(() => session.close());
    return session;
  };
  const [first, second, third] = [await connect(), await connect(), await connect()];
  const [decisions, next] = answersOf(first, second, third);
  const event = head('/mutate');
  first.connection.send({ ...event, id: 'chosen', metadata: { ...event.metadata, correlationId: 'chosen' } });
  await next();
  second.connection.send({ type: 'responseHeaders', id: 'chosen', status: 200, headers: [], hasBody: true });
  await next();
  third.connection.send({ type: 'responseBodyChunk', id: 'chosen', index: 0, data: Buffer.from('abc'), last: true });
  await next();
  expect(decisions[1]).toMatchObject({ responseHeaders: [{ op: 'set', name: 'x-agent-resp', value: '1' }] });
  expect(Buffer.from(decisions[2]?.responseBodyMutation?.data ?? []).toString()).toBe('abc');
});

/** Takes answers before the sessions do, which would give each connection ids of its own. */
function answersOf(...sessions: ProxySession[]): [decisions: Decision[], next: () => Promise<void>] {
  const decisions: Decision[] = [];
  let came = Promise.withResolvers<void>();
  for (const session of sessions) {
    (session as unknown as ConnectionHandler).onMessage = (message) => {
      if (message.type !== 'answer') return;
      decisions.push(message.decision);
      came.resolve();
    };
  }
  const next = async (): Promise<void> => {
    await came.promise;
    came = Promise.withResolvers<void>();
  };
  return [decisions, next];
}
