import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect, createServer as createTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { parseEndpoint, systemClock, type Transport } from '@agentwire/core';
import { createGateway } from '@agentwire/gateway';
import { AgentPool } from '@agentwire/pool';
import { createGrpcTransport } from '@agentwire/transport-grpc';
import { createUdsTransport } from '@agentwire/transport-uds';
import { describe, expect, onTestFinished, test } from 'vitest';
import { checkProxy } from '../../src/conform/proxy/check-proxy.ts';
import { PROXY_CHECKS } from '../../src/conform/proxy/checks.ts';
import { frameOf } from '../../src/conform/raw/stream-channel.ts';
import type { Form } from '../../src/conform/wire/wire.ts';

async function freePort(): Promise<number> {
  const server = createTcp().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function socketPath(): string {
  const folder = mkdtempSync(`${tmpdir()}/aw-cp-`);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return `${folder}/a.sock`;
}

/** Our gateway, whose one agent is where the checks listen. @returns its url */
async function gatewayTo(endpoint: string, transport: Transport): Promise<string> {
  const upstream = createServer((request, response) => {
    request.resume();
    request.on('end', () => response.end('fine'));
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const pool = new AgentPool({
    transports: [transport],
    connectionsPerAgent: 2,
    requestTimeoutMs: 1_000,
    connectTimeoutMs: 500,
    reconnect: { initialMs: 20, maxMs: 100 },
  });
  const gateway = createGateway({
    pool,
    upstream: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`,
    agents: ['conform'],
  });
  const server = createServer(gateway.handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await gateway.close();
    await pool.close();
    upstream.closeAllConnections();
    upstream.close();
  });
  void pool.addAgent('conform', endpoint).catch(() => undefined);
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('agentwire gateway', () => {
  test.each<Form>(['documented', 'zentinel', 'grpc'])('passes every check (%s)', { timeout: 120_000 }, async (form) => {
    const endpoint = form === 'grpc' ? `grpc://127.0.0.1:${await freePort()}` : `unix:${socketPath()}`;
    const transport = form === 'grpc' ? createGrpcTransport() : createUdsTransport();
    let url = '';
    const port = await freePort();
    const forward = createTcp((socket) => {
      const to = connect(Number(new URL(url).port), '127.0.0.1');
      socket.pipe(to).pipe(socket);
      for (const one of [socket, to]) one.on('error', () => void [socket, to].map((each) => each.destroy()));
      socket.on('close', () => to.destroy());
    });
    await new Promise<void>((resolve) => forward.listen(port, '127.0.0.1', resolve));
    onTestFinished(() => void forward.close());
    const results = await checkProxy(parseEndpoint(endpoint), form, {
      clock: systemClock,
      patienceMs: 2_000,
      waitMs: 10_000,
      url: `http://127.0.0.1:${port}`,
      onListening: (address) => void gatewayTo(address, transport).then((found) => (url = found)),
    });
    expect(results.filter(({ outcome }) => outcome !== 'pass')).toEqual([]);
    expect(results.length).toBeGreaterThan(18);
  });
});

/** A proxy that asks about each request with one head on one connection, and does one thing wrong. */
async function badProxy(path: string, fault: string): Promise<string> {
  const socket = connect({ path });
  let bytes = Buffer.alloc(0);
  let asked = 0;
  const waiting = new Map<string, (block: number | undefined) => void>();
  const json = (type: number, fields: object): void =>
    void socket.write(frameOf({ type, payload: Buffer.from(JSON.stringify(fields)) }));
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    while (bytes.length > 4 && bytes.length >= 4 + bytes.readUInt32BE(0)) {
      const end = 4 + bytes.readUInt32BE(0);
      const [type, text] = [bytes[4], bytes.toString('utf8', 5, end)];
      bytes = bytes.subarray(end);
      if (type === 0x77 && fault === 'unknown-closes') socket.destroy();
      if (type !== 0x20) continue;
      const answer = JSON.parse(text) as { request_id: number; decision: { block?: { status: number } } };
      const id = fault === 'first-wins' ? [...waiting.keys()][0] : String(answer.request_id);
      waiting.get(id ?? '')?.(fault === 'block-lost' ? undefined : answer.decision.block?.status);
      waiting.delete(id ?? '');
    }
  });
  json(0x01, fault === 'no-name' ? { protocol_version: 2 } : { protocol_version: 2, client_name: 'bad' });
  const server = createServer((_, response) => {
    asked += 1;
    const id = fault === 'one-id' ? 1 : asked;
    waiting.set(String(id), (block) => response.writeHead(block ?? 200).end());
    const metadata = { client_ip: '192.0.2.1', protocol: 'HTTP/1.1', timestamp: '2025-01-01T00:00:00Z' };
    const more = fault === 'no-method' ? {} : { method: 'GET' };
    json(fault === 'other-types' ? 0x66 : 0x10, { request_id: id, uri: '/', headers: [], metadata, ...more });
    if (fault === 'other-types') json(0x10, { request_id: id, uri: '/', headers: [], metadata, ...more });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    socket.destroy();
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('a proxy that does one thing wrong', () => {
  test.each([
    ['no-name', 'proxy-handshake', 'client_name is missing'],
    ['no-method', 'proxy-head', 'method is not a string'],
    ['other-types', 'proxy-known-types', 'type 0x66'],
    ['block-lost', 'proxy-block', 'the client got 200'],
    ['one-id', 'proxy-ids-unique', 'they have 1 ids'],
    ['first-wins', 'proxy-strange-answer', 'one did'],
    ['none', 'proxy-body', 'no chunk came'],
    ['none', 'proxy-response-headers', 'it did not come'],
    ['none', 'proxy-pong', 'no pong came'],
    ['unknown-closes', 'proxy-unknown-type', 'do not get through'],
    ['none', 'proxy-oversize', 'waits for the rest'],
    ['none', 'proxy-heals', 'do not get through'],
  ])('with the fault %s fails %s', { timeout: 30_000 }, async (fault, id, words) => {
    const { ProxyUnderTest } = await import('../../src/conform/proxy/under-test.ts');
    const { documentedProxy } = await import('../../src/conform/proxy/json-proxy-wire.ts');
    const path = socketPath();
    let url = '';
    const urlOf = { toString: () => url } as unknown as string;
    const under = new ProxyUnderTest(documentedProxy, urlOf, systemClock, 200);
    onTestFinished(() => under.close());
    await under.listen(parseEndpoint(`unix:${path}`));
    url = await badProxy(path, fault);
    const check = PROXY_CHECKS.find((one) => one.id === id);
    await expect(check?.run(under)).rejects.toThrow(words);
  });
});

test('no proxy at all is an error that says so', async () => {
  const options = { clock: systemClock, patienceMs: 100, waitMs: 100, url: 'http://127.0.0.1:1' };
  await expect(checkProxy(parseEndpoint(`unix:${socketPath()}`), 'documented', options)).rejects.toMatchObject({
    code: 'ERR_TIMEOUT',
    message: expect.stringContaining('no proxy connected'),
  });
});
