import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allow, defineAgent, serveAgent } from '@agentwire/agent';
import { AgentPool } from '@agentwire/pool';
import { createUdsTransport } from '@agentwire/transport-uds';
import { expect, onTestFinished, test, vi } from 'vitest';
import { ReverseConnectionListener } from '../src/index.ts';

const REGISTRATION = 0x01;
const REQUEST_HEADERS = 0x10;
const registration = {
  protocol_version: 2,
  agent_id: 'waf-1',
  capabilities: { handles_request_headers: true },
  auth_token: 'right',
};

function frame(type: number, payload: string): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(payload.length + 1);
  head[4] = type;
  return Buffer.concat([head, Buffer.from(payload)]);
}
const register = (fields: object): Buffer => frame(REGISTRATION, JSON.stringify({ ...registration, ...fields }));

/** Registers with raw bytes, and sends others once it is answered. @returns the JSON of each answer, once the listener has ended the connection */
async function say(path: string, bytes: Buffer, afterAnswer?: Buffer): Promise<Record<string, unknown>[]> {
  const socket = connect(path);
  const { promise, resolve } = Promise.withResolvers<void>();
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  if (afterAnswer !== undefined) socket.once('data', () => socket.write(afterAnswer));
  socket.on('error', () => undefined).on('close', () => resolve());
  socket.write(bytes);
  await promise;
  const answers: Record<string, unknown>[] = [];
  let rest = Buffer.concat(chunks);
  while (rest.length > 0) {
    const end = 4 + rest.readUInt32BE();
    answers.push(JSON.parse(rest.toString('utf8', 5, end)) as Record<string, unknown>);
    rest = rest.subarray(end);
  }
  return answers;
}

async function listening(): Promise<{
  readonly path: string;
  readonly listener: ReverseConnectionListener;
  readonly pool: AgentPool;
  readonly lines: string[];
}> {
  const folder = mkdtempSync(join(tmpdir(), 'agentwire-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const lines: string[] = [];
  const log = (fields: object, message?: string): void => {
    lines.push(`${message} ${JSON.stringify(fields)}`);
  };
  // both the transport and the listener log here, as the command line does it
  const logger = { debug: () => undefined, info: () => undefined, warn: log, error: log };
  const pool = new AgentPool();
  onTestFinished(() => pool.close());
  const path = join(folder, 'agents.sock');
  const listener = await ReverseConnectionListener.bindUds(path, {
    transports: [createUdsTransport({ logger })],
    tokens: { 'waf-1': 'right', 'waf-2': 'other' },
    allowedAgents: ['waf-*'],
    refusalDelayMs: 1,
    logger,
  });
  onTestFinished(() => listener.close());
  void listener.acceptLoop(pool);
  return { path, listener, pool, lines };
}

test.each([
  ['no token', register({ auth_token: undefined }), 'its token is not valid'],
  ['a wrong token', register({ auth_token: 'wrong' }), 'its token is not valid'],
  ["another id's token", register({ auth_token: 'other' }), 'its token is not valid'],
  ['an id outside the allow list', register({ agent_id: 'scanner' }), 'no agent of this id may register here'],
  ['an empty id', register({ agent_id: '' }), 'agent_id'],
  ['an id that is a number', register({ agent_id: 7 }), 'agent_id'],
  ['a token that is a number', register({ auth_token: 7 }), 'auth_token'],
  ['capabilities that are a list', register({ capabilities: ['x'] }), 'capabilities'],
  ['capabilities with a wrong flag', register({ capabilities: { handles_request_headers: 'yes' } }), 'handles_'],
  ['no version', register({ protocol_version: undefined }), 'protocol_version'],
  ['another version', register({ protocol_version: 9 }), 'version'],
  ['the handshake of a proxy', frame(REGISTRATION, '{"client_name":"x","protocol_version":2}'), 'handshake of a proxy'],
  ['no JSON', frame(REGISTRATION, '{'), 'registration request'],
])('%s gets one answer that refuses, and one line', async (_, bytes, reason) => {
  const { path, listener, lines } = await listening();
  const answers = await say(path, bytes);
  expect(answers).toEqual([expect.objectContaining({ accepted: false, success: false, error: expect.any(String) })]);
  expect(lines).toEqual([expect.stringContaining(reason)]);
  expect(lines.join()).not.toMatch(/right|wrong|other"/);
  expect([listener.connectionCount, listener.connectionsByAgent.size]).toEqual([0, 0]);
});

test.each([
  ['64 KiB + 1 of registration', frame(REGISTRATION, ' '.repeat(64 * 1024)), 'frame'],
  ['a request before the registration', frame(REQUEST_HEADERS, '{}'), '0x10'],
  ['an empty frame', Buffer.alloc(4), 'frame'],
])('%s ends the connection, with one line', async (_, bytes, reason) => {
  const { path, listener, lines } = await listening();
  expect(await say(path, bytes)).toEqual([]);
  expect(lines).toEqual([expect.stringContaining(reason)]);
  expect(listener.connectionCount).toBe(0);
});

test('a second registration on one connection ends it, and no other; its slot is free at once', async () => {
  const { path, listener, pool } = await listening();
  const agent = defineAgent({ name: 'waf', version: '1', onRequestHeaders: () => allow().withTag('good') });
  const server = await serveAgent(agent, {
    transports: [createUdsTransport()],
    reverse: [{ address: `unix:${path}`, agentId: 'waf-2', token: 'other', connections: 1 }],
  });
  onTestFinished(() => server.close());
  await vi.waitUntil(() => listener.connectionCount === 1);
  const answers = await say(path, register({}), register({}));
  expect(answers[0]).toMatchObject({ accepted: true });
  expect([...listener.connectionsByAgent]).toEqual([['waf-2', 1]]);
  const head = { type: 'requestHeaders', id: '1', method: 'GET', uri: '/', headers: [] } as never;
  expect((await pool.request('waf-2', head)).audit?.tags).toContain('good');
});
