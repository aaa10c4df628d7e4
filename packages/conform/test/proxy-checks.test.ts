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
import type { CheckResult } from '../src/check.ts';
import { runProxyChecks } from '../src/proxy/run-proxy-checks.ts';
import { PROXY_CHECKS } from '../src/proxy/run-proxy-checks.ts';
import type { ProtocolForm } from '../src/wire/wire.ts';
import { MinimalProxy } from './minimal-proxy.ts';

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

/** Starts a gateway whose only agent is the checks' listener. @returns its url */
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
  test.each<ProtocolForm>(['documented', 'zentinel', 'grpc'])(
    'passes every check (%s)',
    { timeout: 120_000 },
    async (form) => {
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
      const results = await runProxyChecks(parseEndpoint(endpoint), form, {
        clock: systemClock,
        timeoutMs: 2_000,
        waitMs: 10_000,
        url: `http://127.0.0.1:${port}`,
        onListening: (address) => void gatewayTo(address, transport).then((found) => (url = found)),
      });
      expect(results.filter(({ outcome }) => outcome !== 'pass')).toEqual([]);
      const expected = PROXY_CHECKS.filter(({ forms }) => forms?.includes(form) !== false);
      expect(results.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
    },
  );
});

/** Runs the checks on a minimal proxy, with short timeouts. */
async function checkMinimal(fault: string, form: ProtocolForm, only?: ReadonlySet<string>): Promise<CheckResult[]> {
  const path = socketPath();
  const proxy = new MinimalProxy(path, fault);
  onTestFinished(() => proxy.close());
  await new Promise<void>((resolve) => proxy.server.listen(0, '127.0.0.1', resolve));
  return runProxyChecks(parseEndpoint(`unix:${path}`), form, {
    clock: systemClock,
    timeoutMs: 100,
    waitMs: 500,
    url: `http://127.0.0.1:${(proxy.server.address() as AddressInfo).port}`,
    ...(only !== undefined && { only }),
  });
}

test('a dialect that the proxy does not speak is skipped', async () => {
  const results = await checkMinimal('none', 'zentinel');
  expect(results.length).toBeGreaterThan(18);
  expect(new Set(results.map(({ outcome }) => outcome))).toEqual(new Set(['skip']));
  expect(results[0]?.reason).toContain('this dialect is not spoken: supported_versions has no 2');
});

test('what comes after a check that the proxy did not survive is skipped', async () => {
  const only = new Set(['proxy-wrong-direction', 'proxy-oversize', 'proxy-cancel']);
  const results = await checkMinimal('wrong-direction-sticks', 'documented', only);
  expect(results.map(({ id, outcome }) => `${id} ${outcome}`)).toEqual([
    'proxy-wrong-direction fail',
    'proxy-oversize skip',
    'proxy-cancel skip',
  ]);
  expect(results[2]?.reason).toContain('has not asked its agent since proxy-wrong-direction');
});

test('a proxy whose route does not ask the agent is an error that says so', async () => {
  await expect(checkMinimal('never-asks', 'documented')).rejects.toMatchObject({
    code: 'ERR_TIMEOUT',
    message: expect.stringContaining('its route must ask this agent'),
  });
});

test('no proxy at all is an error that says so', async () => {
  const options = { clock: systemClock, timeoutMs: 100, waitMs: 100, url: 'http://127.0.0.1:1' };
  await expect(runProxyChecks(parseEndpoint(`unix:${socketPath()}`), 'documented', options)).rejects.toMatchObject({
    code: 'ERR_TIMEOUT',
    message: expect.stringContaining('no proxy connected'),
  });
});
