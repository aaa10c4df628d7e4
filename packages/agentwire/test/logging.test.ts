import { createServer } from 'node:http';
import type { Logger } from '@agentwire/core';
import { createManualClock } from '@agentwire/core/testing';
import {
  AgentPool,
  allow,
  block,
  createGateway,
  defineAgent,
  type GatewayOptions,
  serveAgent,
  V2Transport,
} from 'agentwire';
import { AgentPool as SilentPool } from 'agentwire/pool';
import { ReverseConnectionListener } from 'agentwire/reverse-listener';
import { createMemoryTransport } from 'agentwire/transport-memory';
import { expect, onTestFinished, test, vi } from 'vitest';

const agent = defineAgent({
  name: 'waf',
  version: '1.0.0',
  onRequestHeaders: (request) => (request.uri === '/bad' ? block(403) : allow()),
});

/** Lines on stderr from here on. */
function stderr(): string[] {
  const lines: string[] = [];
  const write = vi.spyOn(process.stderr, 'write').mockImplementation((line) => lines.push(String(line)) > 0);
  onTestFinished(() => write.mockRestore());
  return lines;
}

const collect = () => {
  const lines: string[] = [];
  const method = (_fields: object, message: string): void => void lines.push(message);
  return { lines, logger: { debug: () => undefined, info: () => undefined, warn: method, error: method } };
};

/** Sends a request that the agent blocks, and one for an upstream that is not there. */
async function blockAndRefuse(options: GatewayOptions): Promise<void> {
  const gateway = createGateway(options);
  try {
    const url = await gateway.listen({ host: '127.0.0.1', port: 0 });
    expect((await fetch(`${url}/bad`)).status).toBe(403);
    expect((await fetch(`${url}/good`)).status).toBe(502);
  } finally {
    await gateway.close();
  }
}

async function closedPort(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

async function poolOf(options: ConstructorParameters<typeof AgentPool>[0]): Promise<AgentPool> {
  const server = await serveAgent(agent, { listen: ['memory:logged'], logger: false });
  const pool = new AgentPool({ connectionsPerAgent: 1, ...options });
  onTestFinished(() => pool.close());
  onTestFinished(() => server.close());
  await pool.addAgent('waf', 'memory:logged');
  return pool;
}

test('a gateway writes blocks and refused upstreams to stderr, as its pool does', async () => {
  const lines = stderr();
  const pool = await poolOf({});
  await blockAndRefuse({ pool, upstream: await closedPort(), agents: ['waf'] });
  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatch(/warn.*an agent blocked a request.*path=\/bad.*agent=waf.*status=403/);
  expect(lines[1]).toMatch(/warn.*a request could not be proxied.*path=\/good.*ERR_CONNECT/);
});

test('it writes to the logger of its pool, or to its own', async () => {
  const lines = stderr();
  const [ofPool, ofGateway] = [collect(), collect()];
  const pool = await poolOf({ logger: ofPool.logger });
  const options = { pool, upstream: await closedPort(), agents: ['waf'] };
  await blockAndRefuse(options);
  expect(ofPool.lines).toHaveLength(2);
  await blockAndRefuse({ ...options, logger: ofGateway.logger });
  expect(ofPool.lines).toHaveLength(2);
  expect(ofGateway.lines).toHaveLength(2);
  expect(lines).toEqual([]);
});

test('false silences pool and gateway, and the pools of the packages are silent', async () => {
  const lines = stderr();
  const upstream = await closedPort();
  const pool = await poolOf({ logger: false });
  await blockAndRefuse({ pool, upstream, agents: ['waf'] });
  const silent = new SilentPool({ transports: [createMemoryTransport()] });
  onTestFinished(() => silent.close());
  const gateway = createGateway({ pool: silent, upstream });
  onTestFinished(() => gateway.close());
  expect((await fetch(await gateway.listen({ host: '127.0.0.1', port: 0 }))).status).toBe(502);
  expect(lines).toEqual([]);
});

test('blocks are lines only where nothing is told of the end of requests', async () => {
  const lines = stderr();
  const pool = await poolOf({});
  const ended: string[] = [];
  const onRequestEnd: GatewayOptions['onRequestEnd'] = ({ outcome }) => ended.push(outcome);
  await blockAndRefuse({ pool, upstream: await closedPort(), agents: ['waf'], onRequestEnd });
  expect(ended).toEqual(['blocked', 'failed']);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('could not be proxied');
});

test('one connection takes the options of its session, and false for its logger', async () => {
  await poolOf({ logger: false });
  const client = await V2Transport.connect('memory:logged', { requestTimeoutMs: 5_000, logger: false });
  onTestFinished(() => client.close());
  expect(client.capabilities.events).toContain('requestHeaders');
});

test('a refused registration is one line on each side that says what to do, and its repeats are counted', async () => {
  const clock = createManualClock();
  const transport = createMemoryTransport({ clock });
  const lines: { side: string; message: string; repeats: number }[] = [];
  const loggerOf = (side: string): Logger => {
    const note = (fields: Readonly<Record<string, unknown>>, message: string): void =>
      void lines.push({ side, message, repeats: Number(fields['repeats'] ?? 1) });
    return { debug: () => undefined, info: () => undefined, warn: note, error: note };
  };
  const listener = await ReverseConnectionListener.bind('memory:registry', {
    transports: [transport],
    tokens: { 'waf-*': 'right' },
    refusalDelayMs: 0,
    logger: loggerOf('proxy'),
    clock,
  });
  onTestFinished(() => listener.close());
  const server = await serveAgent(agent, {
    transports: [transport],
    reverse: [{ address: 'memory:registry', agentId: 'waf-1', token: 'wrong' }],
    logger: loggerOf('agent'),
    clock,
    random: () => 0.5,
  });
  onTestFinished(() => server.close());
  const of = (side: string): typeof lines => lines.filter((line) => line.side === side);
  await vi.waitFor(() => expect(lines.length).toBeGreaterThanOrEqual(2));
  // four connections were refused
  expect(of('agent').map(({ message }) => message)).toEqual([
    expect.stringContaining('refuses this agent; check its id and token (agentId, token; --id, --token-file)'),
  ]);
  expect(of('proxy').map(({ message }) => message)).toEqual([
    expect.stringContaining('its token is not valid for this id (tokens, verifyToken; of a gateway: tokenFile'),
  ]);
  for (let at = 0; at < 60; at += 1) {
    clock.advance(1_000);
    await new Promise((resolve) => void setImmediate(resolve));
  }
  for (const side of ['agent', 'proxy']) {
    const attempts = of(side).reduce((sum, { repeats }) => sum + repeats, 0);
    expect(attempts, side).toBeGreaterThan(20);
    expect(of(side).length, side).toBeLessThanOrEqual(8);
  }
});
