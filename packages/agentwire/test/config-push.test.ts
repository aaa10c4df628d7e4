import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AgentPool, allow, createAgentPool, defineAgent, refuse, serveAgent, stockTransports } from 'agentwire';
import type { Transport } from 'agentwire/core';
import { ReverseConnectionListener } from 'agentwire/reverse-listener';
import { createUdsTransport } from 'agentwire/transport-uds';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type Way, waysOf } from './ways.ts';

const WAYS: readonly [string, Way][] = [...waysOf('config-push'), ['a reverse connection', { listen: 'reverse' }]];

/** Configurations that the agent got, and the agent: it refuses those without rules. */
function configurable() {
  const got: unknown[] = [];
  const agent = defineAgent({
    name: 'waf',
    version: '1',
    onRequestHeaders: () => allow(),
    onConfigure: ({ config, configVersion }) => {
      got.push([config, configVersion]);
      return Array.isArray((config as { rules?: unknown }).rules) ? undefined : refuse('no rules');
    },
  });
  return { agent, got };
}

async function setup(way: Way): Promise<{ pool: AgentPool; got: unknown[]; restart: () => Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'aw-'));
  const { dialect, encodings } = way;
  const transports: Transport[] =
    dialect === undefined ? stockTransports() : [createUdsTransport({ dialect }), ...stockTransports()];
  const pool = createAgentPool({
    transports,
    connectionsPerAgent: 2,
    reconnect: { initialMs: 1, maxMs: 5 },
    ...(encodings !== undefined && { encodings }),
  });
  const { agent, got } = configurable();
  const path = `unix:${folder}/a.sock`;
  const closing: (() => Promise<void>)[] = [];
  onTestFinished(async () => {
    await pool.close();
    for (const close of closing.toReversed()) await close();
    rmSync(folder, { recursive: true });
  });
  if (way.listen === 'reverse') {
    const listener = await ReverseConnectionListener.bindUds(`${folder}/a.sock`, { transports });
    closing.push(() => listener.close());
    void listener.acceptLoop(pool);
    const start = () => serveAgent(agent, { reverse: [{ address: path, agentId: 'waf', connections: 2 }] });
    let server = await start();
    closing.push(() => server.close());
    await vi.waitFor(() => expect(pool.stats.agents[0]?.connections).toBe(2));
    return { pool, got, restart: async () => (await server.close(), (server = await start()), undefined) };
  }
  let listen = way.listen === 'unix:' ? path : way.listen;
  const start = () => serveAgent(agent, { listen: [listen] });
  let server = await start();
  closing.push(() => server.close());
  listen = server.endpoints[0] ?? '';
  await pool.addAgent('waf', listen);
  return { pool, got, restart: async () => (await server.close(), (server = await start()), undefined) };
}

const RULES = { config: { rules: ['a', { id: 7, ünïcode: null }] }, version: 'r-1' };

describe.each(WAYS)('over %s', (_, way) => {
  test('an agent accepts or refuses a configuration, with its version, and gets the accepted one after a restart', async () => {
    const { pool, got, restart } = await setup(way);
    expect(await pool.pushConfig('waf', RULES)).toMatchObject({
      agent: 'waf',
      version: 'r-1',
      accepted: true,
      instances: [{ outcome: 'accepted' }, { outcome: 'accepted' }],
    });
    expect(got).toEqual([
      [RULES.config, 'r-1'],
      [RULES.config, 'r-1'],
    ]);
    const refused = await pool.pushConfig('waf', { config: { rules: 3 }, version: 'r-2' });
    expect([refused.accepted, refused.instances[0]]).toMatchObject([false, { outcome: 'refused', reason: 'no rules' }]);
    expect(pool.stats.agents[0]?.configVersion).toBe('r-1');
    got.length = 0;
    await restart();
    await vi.waitFor(() => expect(got).toHaveLength(2), { timeout: 10_000 });
    expect(got[0]).toEqual([RULES.config, 'r-1']);
    expect(
      await pool.request(
        'waf',
        { type: 'requestHeaders', id: 1, metadata: {}, method: 'GET', uri: '/', headers: [], hasBody: false },
        { only: true },
      ),
    ).toMatchObject({ verdict: { type: 'allow' } });
  });
});

test('an agent without onConfigure is ERR_UNSUPPORTED at once, and pushConfigToAll says so beside the others', async () => {
  const { pool, got } = await setup({ listen: 'memory:config-all' });
  const plain = defineAgent({ name: 'plain', version: '1', onRequestHeaders: () => allow() });
  await using server = await serveAgent(plain, { listen: ['memory:config-plain'] });
  await pool.addAgent('plain', server.endpoints[0] ?? '');
  await expect(pool.pushConfig('plain', RULES)).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
  const results = await pool.pushConfigToAll(RULES);
  expect(results).toMatchObject([
    { agent: 'waf', result: { accepted: true } },
    { agent: 'plain', error: { code: 'ERR_UNSUPPORTED' } },
  ]);
  expect(got).toHaveLength(2);
});
