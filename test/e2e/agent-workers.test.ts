import { existsSync, readFileSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { RequestHeaders } from '@agentwire/core';
import { AgentPool } from '@agentwire/pool';
import { createGrpcTransport } from '@agentwire/transport-grpc';
import { createTcpTransport, createUdsTransport } from '@agentwire/transport-uds';
import { expect, onTestFinished, test } from 'vitest';
import { agentwire, type Running, socketFolder, start } from './command-line.ts';

let requests = 0;

function event(): RequestHeaders {
  const id = `r-${(requests += 1)}`;
  return {
    type: 'requestHeaders',
    id,
    metadata: {
      correlationId: id,
      requestId: id,
      clientIp: '192.0.2.1',
      clientPort: 1,
      protocol: 'HTTP/1.1',
      timestamp: '',
    },
    method: 'GET',
    uri: '/?file=../../etc/passwd',
    headers: [],
    hasBody: false,
  };
}

interface Load {
  decided(): number;
  /** Failed requests; no endpoint is asked again after one. */
  readonly failed: readonly unknown[];
  stop(): Promise<void>;
}

/** Asks the agent at each endpoint without a pause until it is stopped. */
async function load(endpoints: readonly string[]): Promise<Load> {
  const transports = [createUdsTransport(), createTcpTransport(), createGrpcTransport()];
  const pool = new AgentPool({ transports });
  onTestFinished(() => pool.close());
  for (const endpoint of endpoints) await pool.addAgent(endpoint, endpoint);
  let decided = 0;
  const over = new AbortController();
  const failed: unknown[] = [];
  const client = async (endpoint: string): Promise<void> => {
    while (!over.signal.aborted && failed.length === 0) {
      try {
        const decision = await pool.sendRequestHeaders(endpoint, event());
        if (decision.verdict.type !== 'block') failed.push(decision);
        decided += 1;
      } catch (error) {
        failed.push(error);
      }
    }
  };
  const all = endpoints.map(client);
  return {
    decided: () => decided,
    failed,
    async stop() {
      over.abort();
      await Promise.all(all);
    },
  };
}

/** Processes that the primary process has started and that run. */
const workersOf = ({ child }: Running): string[] =>
  readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ');

test('workers of an agent share Unix sockets, TCP and gRPC, and SIGHUP replaces them under load without a failed request', async () => {
  const path = join(socketFolder(), 'a.sock');
  const grpc = join(socketFolder(), 'g.sock');
  const addresses = [`unix:${path}`, 'tcp://127.0.0.1:0', 'grpc://127.0.0.1:0', `grpc+unix:${grpc}`];
  const listen = addresses.flatMap((address) => ['--listen', address]);
  const agent = start('agent', 'waf', ...listen, '--workers', '2', '--socket-mode', '660');
  const endpoints: string[] = [];
  for (const _ of addresses) endpoints.push(await agent.line('listening '));
  expect(endpoints.map((one) => one.split(':')[0])).toEqual(['unix', 'tcp', 'grpc', 'grpc+unix']);
  expect(statSync(path).mode & 0o777).toBe(0o660);
  const running = await load(endpoints);
  const before = workersOf(agent);
  expect(before).toHaveLength(2);
  agent.child.kill('SIGHUP');
  await expect.poll(() => workersOf(agent).filter((pid) => !before.includes(pid)), { timeout: 60_000 }).toHaveLength(2);
  await expect.poll(() => workersOf(agent), { timeout: 60_000 }).toHaveLength(2);
  const at = running.decided();
  await expect.poll(() => running.failed.length > 0 || running.decided() > at + 100).toBe(true);
  await running.stop();
  expect(running.failed).toEqual([]);
  expect(await agent.stop()).toBe(0);
  expect(existsSync(path)).toBe(false);
}, 90_000);

test('auto is one worker per core', async () => {
  const agent = start('agent', 'waf', '--listen', `unix:${join(socketFolder(), 'a.sock')}`, '--workers', 'auto');
  await agent.line('listening ');
  expect(workersOf(agent)).toHaveLength(availableParallelism());
  expect(await agent.stop()).toBe(0);
}, 60_000);

test('the socket is bound again where all workers of an agent crash at once', async () => {
  const path = join(socketFolder(), 'a.sock');
  const agent = start('agent', 'waf', '--listen', `unix:${path}`, '--workers', '2');
  const endpoint = await agent.line('listening ');
  for (const pid of workersOf(agent)) process.kill(Number(pid), 'SIGKILL');
  await expect.poll(async () => (await agentwire('call', endpoint)).status, { timeout: 30_000 }).toBe(0);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(agent.stderr()).toContain('a worker ended by itself');
  expect(await agent.stop()).toBe(0);
}, 60_000);

test('an address that is taken is told once, and --watch does not go with workers', async () => {
  const path = join(socketFolder(), 'a.sock');
  const first = start('agent', 'waf', '--listen', `unix:${path}`);
  await first.line('listening ');
  const second = await agentwire('agent', 'waf', '--listen', `unix:${path}`, '--workers', '2');
  expect(second.status).toBe(1);
  expect(second.stderr.match(/a live process serves the socket there/g)).toHaveLength(1);
  const watching = await agentwire('agent', 'waf', '--listen', `unix:${path}`, '--workers', '2', '--watch');
  expect([watching.status, watching.stderr]).toEqual([2, expect.stringContaining('SIGHUP')]);
}, 60_000);
