import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AgentPool, allow, defineAgent, serveAgent } from 'agentwire';
import { expect, onTestFinished, test, vi } from 'vitest';

const agent = defineAgent({ name: 'waf', version: '1.0.0', onRequestHeaders: () => allow() });

test.each(['unix', 'memory', 'tcp', 'grpc', 'ws'])(
  'an agent that is unhealthy when it is added is known to be: %s',
  async (medium) => {
    const folder = mkdtempSync(join(tmpdir(), 'agentwire-first-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const address =
      { unix: `unix:${join(folder, 'a.sock')}`, memory: 'memory:first' }[medium] ?? `${medium}://127.0.0.1:0`;
    const server = await serveAgent(agent, { listen: [address], reportIntervalMs: 86_400_000, logger: false });
    onTestFinished(() => server.close());
    server.report({ health: { state: 'unhealthy', message: 'no rules' } });
    const pool = new AgentPool({ connectionsPerAgent: 2, logger: false });
    onTestFinished(() => pool.close());
    await pool.addAgent('waf', server.endpoints[0] ?? '');
    await vi.waitFor(() => expect(pool.getHealth('waf')).toMatchObject({ state: 'unhealthy' }));
  },
);
