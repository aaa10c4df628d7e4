import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { availableParallelism } from 'node:os';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { agentwire, type Running, socketFolder, start } from './command-line.ts';

interface State {
  readonly workers: readonly {
    readonly id: number;
    readonly pid: number;
    readonly state: string;
    readonly gateway?: { readonly requests: number };
  }[];
}

async function upstream(): Promise<string> {
  const server = createServer((message, response) => {
    message.resume().on('end', () => response.end('upstream'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function gatewayWith(...args: string[]): Promise<{ gateway: Running; url: string; admin: string }> {
  const gateway = start('gateway', '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--workers', '2', ...args);
  return { gateway, url: await gateway.line('listening '), admin: await gateway.line('admin ') };
}

async function stateOf(admin: string): Promise<State['workers']> {
  return ((await (await fetch(`${admin}/debug/state`)).json()) as State).workers;
}

const readyPids = async (admin: string): Promise<number[]> =>
  (await stateOf(admin)).filter(({ state }) => state === 'ready').map(({ pid }) => pid);

/** Sends requests over `clients` keep-alive connections, each one after the other, until it is stopped. */
function load(url: string, clients: number): { readonly sent: () => number; stop(): Promise<unknown[]> } {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  onTestFinished(() => agent.destroy());
  const over = new AbortController();
  let sent = 0;
  const failed: unknown[] = [];
  const one = async (): Promise<void> => {
    sent += 1;
    const asked = request(url, { agent, method: 'POST' });
    // a body without a retry: nothing hides a failure
    asked.end('body');
    const [response] = (await once(asked, 'response')) as [import('node:http').IncomingMessage];
    response.resume();
    await once(response, 'end');
    if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
  };
  const client = async (): Promise<void> => {
    while (!over.signal.aborted) await one().catch((error: unknown) => failed.push(error));
  };
  const all = Promise.all(Array.from({ length: clients }, client));
  return {
    sent: () => sent,
    async stop() {
      over.abort();
      await all;
      return failed;
    },
  };
}

test('two workers serve at one port, and a signal drains both', async () => {
  const { gateway, url, admin } = await gatewayWith('--upstream', await upstream());
  expect((await fetch(`${admin}/livez`)).status).toBe(200);
  expect(await (await fetch(`${admin}/readyz?workers=all`)).text()).toBe('ok\n');
  const running = load(url, 8);
  await expect
    .poll(async () => (await stateOf(admin)).filter((one) => (one.gateway?.requests ?? 0) > 0))
    .toHaveLength(2);
  expect(await running.stop()).toEqual([]);
  expect(await gateway.stop()).toBe(0);
});

/** Value of a counter over all its series on the page of metrics. */
async function counted(admin: string, name: string): Promise<number> {
  const response = await fetch(`${admin}/metrics`);
  expect(response.status).toBe(200);
  const lines = (await response.text()).split('\n').filter((text) => text.startsWith(name));
  return lines.reduce((sum, text) => sum + Number(text.split(' ').at(-1)), 0);
}

test('auto is one worker per core', async () => {
  const { gateway, url, admin } = await gatewayWith('--workers', 'auto', '--upstream', await upstream());
  await expect.poll(async () => (await readyPids(admin)).length, { timeout: 60_000 }).toBe(availableParallelism());
  expect(await (await fetch(url)).text()).toBe('upstream');
  expect(await gateway.stop()).toBe(0);
}, 60_000);

test('the metrics of all workers are added up at the one admin address, and no counter falls with its worker', async () => {
  const { gateway, url, admin } = await gatewayWith('--upstream', await upstream());
  const running = load(url, 8);
  await expect.poll(() => running.sent()).toBeGreaterThan(100);
  expect(await running.stop()).toEqual([]);
  const sent = running.sent();
  const requests = (): Promise<number> => counted(admin, 'gateway_requests_total');
  expect(await requests()).toBe(sent);
  expect(await counted(admin, 'gateway_request_duration_seconds_count')).toBe(sent);
  const page = await (await fetch(`${admin}/metrics`)).text();
  expect(page).toContain('gateway_active_requests 0\n');
  const [killed = 0, ...others] = await readyPids(admin);
  process.kill(killed, 'SIGKILL');
  await expect.poll(async () => (await readyPids(admin)).filter((pid) => !others.includes(pid))).toHaveLength(1);
  expect(await requests()).toBe(sent);
  gateway.child.kill('SIGHUP');
  await expect
    .poll(async () => (await readyPids(admin)).filter((pid) => !others.includes(pid)), { timeout: 60_000 })
    .toHaveLength(2);
  await expect.poll(async () => (await stateOf(admin)).length).toBe(2);
  expect(await requests()).toBe(sent);
  expect((await fetch(url)).status).toBe(200);
  await expect.poll(requests).toBe(sent + 1);
});

test('a worker whose event loop is blocked is told in the log, killed and replaced', async () => {
  const { gateway, url, admin } = await gatewayWith('--upstream', await upstream(), '--worker-timeout-ms', '400');
  const [stopped = 0] = await readyPids(admin);
  process.kill(stopped, 'SIGSTOP');
  await expect.poll(() => gateway.stderr()).toContain('a worker hangs');
  await expect.poll(async () => (await readyPids(admin)).filter((pid) => pid !== stopped)).toHaveLength(2);
  const page = await (await fetch(`${admin}/metrics`)).text();
  for (const line of ['workers{state="ready"} 2', 'worker_failures_total{reason="hung"} 1'])
    expect(page).toContain(`gateway_${line}\n`);
  expect((await fetch(url)).status).toBe(200);
});

test('a worker that hangs holds up neither a rolling restart nor the end for longer than its timeout', async () => {
  // a worker that drains is killed after 40 s in any case
  const { gateway, admin } = await gatewayWith('--upstream', await upstream(), '--worker-timeout-ms', '400');
  const before = await readyPids(admin);
  process.kill(before[0] ?? 0, 'SIGSTOP');
  gateway.child.kill('SIGHUP');
  await expect.poll(() => gateway.stderr(), { timeout: 20_000 }).toContain('all workers were replaced');
  await expect.poll(() => counted(admin, 'gateway_worker_failures_total{reason="hung"}')).toBe(1);
  const [stopped = 0] = await readyPids(admin);
  process.kill(stopped, 'SIGSTOP');
  expect(await gateway.stop()).toBe(0);
});

test('a worker that is killed under load is replaced; only its requests in flight fail', async () => {
  const { url, admin } = await gatewayWith('--upstream', await upstream());
  const clients = 8;
  const running = load(url, clients);
  const before = await readyPids(admin);
  process.kill(before[0] ?? 0, 'SIGKILL');
  await expect.poll(async () => (await readyPids(admin)).filter((pid) => !before.includes(pid))).toHaveLength(1);
  expect(await readyPids(admin)).toHaveLength(2);
  expect(await counted(admin, 'gateway_worker_failures_total{reason="crashed"}')).toBe(1);
  const at = running.sent();
  await expect.poll(() => running.sent()).toBeGreaterThan(at + 100);
  const failed = await running.stop();
  // each connection had at most one request in flight
  expect(failed.length).toBeLessThanOrEqual(clients);
  expect((await fetch(`${admin}/readyz`)).status).toBe(200);
});

/** Values of all counters on the page of metrics, with counts of histograms, by name and labels. */
async function counters(admin: string): Promise<ReadonlyMap<string, number>> {
  const page = await (await fetch(`${admin}/metrics`)).text();
  const all = page.matchAll(/^(\w+_(?:total|count|sum|bucket)(?:\{.*\})?) (\S+)$/gm);
  return new Map(Array.from(all, ([, series = '', value]) => [series, Number(value)]));
}

test('SIGHUP replaces the workers one by one without a failed request or a counter that falls, and reads the file again', async () => {
  const folder = socketFolder();
  const file = join(folder, 'gateway.yaml');
  const target = await upstream();
  const agent = start('agent', 'reference', '--listen', `unix:${folder}/waf.sock`);
  await agent.line('listening ');
  const agents = `agents: [{ name: waf, endpoint: "unix:${folder}/waf.sock" }]\n`;
  writeFileSync(file, `${agents}upstream: ${target}\n`);
  const { gateway, url, admin } = await gatewayWith('--config', file);
  const running = load(url, 8);
  const before = await readyPids(admin);
  await expect.poll(() => counted(admin, 'agent_requests_total')).toBeGreaterThan(100);
  let page = await counters(admin);
  const fallen = new Set<string>();
  const look = async (): Promise<void> => {
    const next = await counters(admin);
    for (const [series, value] of page) if (!((next.get(series) ?? 0) >= value)) fallen.add(series);
    page = next;
  };
  writeFileSync(
    file,
    `${agents}routes:\n  - { path: /old, upstream: "${target}" }\n  - { path: /, upstream: "${target}" }\n`,
  );
  gateway.child.kill('SIGHUP');
  const replaced = async (): Promise<number> => {
    await look();
    const workers = await stateOf(admin);
    return workers.length === 2 ? workers.filter(({ pid }) => !before.includes(pid)).length : 0;
  };
  await expect.poll(replaced, { timeout: 60_000 }).toBe(2);
  const at = running.sent();
  await expect.poll(() => running.sent()).toBeGreaterThan(at + 100);
  expect(await running.stop()).toEqual([]);
  await look();
  expect([...fallen]).toEqual([]);
  expect(page.get('agent_request_duration_seconds_count{agent="waf",decision="all"}')).toBeGreaterThan(200);
  expect(await gateway.stop()).toBe(0);
});

test('a file that is wrong is not reloaded: the workers stay', async () => {
  const file = join(socketFolder(), 'gateway.yaml');
  writeFileSync(file, `upstream: ${await upstream()}\n`);
  const { gateway, url, admin } = await gatewayWith('--config', file);
  const before = await readyPids(admin);
  writeFileSync(file, 'upstream: 1\n');
  gateway.child.kill('SIGHUP');
  await expect.poll(() => gateway.stderr()).toContain('the configuration was not reloaded');
  const reload = await fetch(`${admin}/-/reload`, { method: 'POST' });
  expect([reload.status, await reload.text()]).toEqual([404, expect.stringContaining('set adminTokenFile')]);
  expect(await readyPids(admin)).toEqual(before);
  expect((await fetch(url)).status).toBe(200);
});

test('an address that is taken is told once, and wrong numbers of workers are wrong use', async () => {
  const taken = await upstream();
  const args = ['gateway', '--upstream', taken, '--workers', '2', '--listen', taken.slice('http://'.length)];
  const ended = await agentwire(...args);
  expect(ended.status).toBe(1);
  expect(ended.stderr.match(/ERR_CONNECT/g)).toHaveLength(1);
  for (const word of ['0', 'x', '-1', '1.5', '257', '']) {
    const wrong = await agentwire('gateway', '--upstream', taken, `--workers=${word}`);
    expect(wrong.status, word).toBe(2);
    expect(wrong.stderr).toContain('--workers takes a number from 1 to 256, or auto');
  }
});

test('each line of a worker has its number', async () => {
  const { gateway } = await gatewayWith('--upstream', 'http://127.0.0.1:9', '--agent', 'waf=unix:/absent.sock');
  for (const worker of [1, 2])
    await expect.poll(() => gateway.stderr()).toMatch(new RegExp(`cannot reach an agent.* worker=${worker}\\b`));
});
