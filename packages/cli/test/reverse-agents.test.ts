import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { serveAgent } from '@agentwire/agent';
import type { Transport } from '@agentwire/core';
import { silentLogger } from '@agentwire/core/internal';
import { AgentPool } from '@agentwire/pool';
import { KnownTokens } from '@agentwire/reverse-listener/internal';
import { createTcpTransport, createUdsTransport } from '@agentwire/transport-uds';
import { createWebSocketTransport } from '@agentwire/transport-websocket';
import { expect, onTestFinished, test } from 'vitest';
import { makeIdentity } from '../../transport-grpc/test/support/certificates.ts';
import reference from '../src/agents/reference.ts';
import { acceptReverseAgents } from '../src/reverse-agents.ts';

test('an agent registers under its id, with its token; who is dialled, unknown or without it is refused alike', async () => {
  const folder = mkdtempSync(`${tmpdir()}/aw-ra-`);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const address = `unix:${folder}/r.sock`;
  let tokens = new KnownTokens({ '*': 'sekret' });
  const transport = createUdsTransport();
  const pool = new AgentPool({ transports: [transport] });
  onTestFinished(() => pool.close());
  pool.addReverseAgent('ref-1');
  // stands for an agent that the pool dials: its name is known, and still not to be taken by who connects
  pool.addReverseAgent('dialled');
  const options = { ids: new Set(['ref-1']), logger: silentLogger, token: () => tokens };
  const listener = await acceptReverseAgents(pool, [transport], address, options);
  onTestFinished(() => listener.close());

  const outcome = (agentId: string, token: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const warn = (fields: object): void => resolve(String((fields as { code?: string }).code));
      const serving = serveAgent(reference, {
        transports: [transport],
        reverse: [{ address, agentId, token, connections: 1 }],
        logger: { ...silentLogger, warn },
        onRegistered: () => resolve('registered'),
      });
      onTestFinished(async () => (await serving).close());
      serving.catch(reject);
    });
  expect(await outcome('ref-1', 'wrong')).toBe('ERR_UNAUTHORIZED');
  expect(await outcome('ref-2', 'sekret')).toBe('ERR_UNAUTHORIZED');
  expect(await outcome('dialled', 'sekret')).toBe('ERR_UNAUTHORIZED');
  expect(await outcome('ref-1', 'sekret')).toBe('registered');
  expect(pool.getHealth('ref-1').healthyConnections).toBe(1);
  // one that was replaced is of no use any more, and what is open stays
  tokens = new KnownTokens({ '*': 'rotated' });
  expect(await outcome('ref-1', 'sekret')).toBe('ERR_UNAUTHORIZED');
  expect(await outcome('ref-1', 'rotated')).toBe('registered');
  expect(pool.getHealth('ref-1').healthyConnections).toBe(2);
});

test.each([
  ['tls://127.0.0.1:0', 'tcp://127.0.0.1:0', createTcpTransport],
  ['wss://127.0.0.1:0/agents', 'ws://127.0.0.1:0/agents', createWebSocketTransport],
] as const)(
  'over %s a certificate proves an id by its name, and no process registers without proof',
  async (secure, plain, make) => {
    const authority = makeIdentity('authority');
    const side = (name: string): Transport => {
      const { cert, key } = makeIdentity(name, authority);
      return make({ tls: { cert, key, ca: authority.cert, requireClientCertificate: true } });
    };
    const pool = new AgentPool();
    onTestFinished(() => pool.close());
    pool.addReverseAgent('waf');
    const options = { ids: new Set(['waf']), logger: silentLogger, token: () => undefined };
    for (const endpoint of [plain, secure])
      await expect(acceptReverseAgents(pool, [side('gateway')], endpoint, options)).rejects.toThrow(
        'needs --token-file',
      );
    const certified = { ...options, clientCertificates: true };
    const listener = await acceptReverseAgents(pool, [side('gateway')], secure, certified);
    onTestFinished(() => listener.close());
    const outcome = (name: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const warn = (fields: object): void => resolve(String((fields as { code?: string }).code));
        const serving = serveAgent(reference, {
          transports: [side(name)],
          reverse: [{ address: listener.address, agentId: 'waf', connections: 1 }],
          logger: { ...silentLogger, warn },
          onRegistered: () => resolve('registered'),
        });
        onTestFinished(async () => (await serving).close());
        serving.catch(reject);
      });
    expect(await outcome('other')).toBe('ERR_UNAUTHORIZED');
    expect(await outcome('waf')).toBe('registered');
  },
);
