import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { agentwire, start } from './command-line.ts';

test('top --once --json measures a running gateway and its agent', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'aw-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const upstream = createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  onTestFinished(() => {
    upstream.closeAllConnections();
    upstream.close();
  });
  const agent = start('agent', 'waf', '--listen', `unix:${join(folder, 'waf.sock')}`);
  const endpoint = await agent.line('listening ');
  const { port } = upstream.address() as AddressInfo;
  const gateway = start(
    'gateway',
    '--listen=127.0.0.1:0',
    '--admin=127.0.0.1:0',
    `--upstream=http://127.0.0.1:${port}`,
    `--agent=waf=${endpoint}`,
  );
  const url = await gateway.line('listening ');
  const admin = await gateway.line('admin ');
  const over = new AbortController();
  const load = (async () => {
    while (!over.signal.aborted) await (await fetch(url)).text();
  })();
  try {
    const { status, stdout, stderr } = await agentwire('top', admin, '--once', '--json', '--interval-ms', '500');
    expect([status, stderr]).toEqual([0, '']);
    const reading = JSON.parse(stdout) as {
      readonly gateway: { readonly ratePerSecond: number };
      readonly agents: readonly { readonly p99: number }[];
    };
    expect(reading).toMatchObject({
      gateway: { decisionsPerSecond: { allowed: expect.any(Number) as number }, queued: 0 },
      agents: [{ agent: 'waf', connections: 4, breaker: 'closed', flow: 'flowing', queued: 0, errorsPerSecond: {} }],
    });
    expect(reading.gateway.ratePerSecond).toBeGreaterThan(0);
    expect(reading.agents[0]?.p99).toBeGreaterThan(0);
    const screen = await agentwire('top', admin, '--once', '--interval-ms', '200');
    expect(screen.stdout).toMatch(/^waf +\S+ .* closed +flowing/m);
  } finally {
    over.abort();
    await load;
  }
}, 60_000);

test('top says what is wrong with its URL', async () => {
  expect(await agentwire('top', 'nowhere')).toMatchObject({ status: 2 });
  expect(await agentwire('top', 'http://127.0.0.1:1', '--once')).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/ERR_CONNECT http:\/\/127\.0\.0\.1:1\/metrics cannot be read/) as string,
  });
}, 60_000);

test.each(['/never', '/half'])(
  'top that waits for %s ends at once when it is told to',
  async (path) => {
    const asked = Promise.withResolvers<void>();
    const server = createServer((_request, response) => {
      if (path === '/half') response.write('gateway_active_requests 1\n');
      asked.resolve();
    });
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const top = start('top', `http://127.0.0.1:${port}${path}`, '--json');
    await asked.promise;
    expect([await top.stop(), top.stderr()]).toEqual([0, '']);
  },
  60_000,
);
