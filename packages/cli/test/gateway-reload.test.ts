import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { allow, defineAgent, serveAgent } from '@agentwire/agent';
import { silentLogger } from '@agentwire/core/internal';
import type { Gateway, GatewayOptions } from '@agentwire/gateway';
import type { AgentEntry } from '@agentwire/gateway/config-file';
import { AgentPool } from '@agentwire/pool';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { expect, onTestFinished, test } from 'vitest';
import { makeIdentity } from '../../transport-grpc/test/support/certificates.ts';
import type { GatewaySettings } from '../src/commands/gateway-settings.ts';
import { GatewayReload } from '../src/gateway-reload.ts';
import { NamedFiles } from '../src/named-files.ts';

/** Reloads settings with other agents into a gateway that only keeps its options; `over` ends requests of the former ones. */
async function reloading(agents: AgentEntry[], more: Partial<GatewaySettings> = {}) {
  const transport = createMemoryTransport();
  const waf = defineAgent({ name: 'waf', version: '1', onRequestHeaders: () => allow() });
  const listener = await serveAgent(waf, { transports: [transport], listen: ['memory:waf'] });
  const pool = new AgentPool({ transports: [transport] });
  onTestFinished(async () => {
    await pool.close();
    await listener.close();
  });
  const settings = {
    agents,
    tlsFlags: {},
    nameOf: (path: readonly string[]) => path.join('.'),
    nameOfTls: (key: string) => key,
    nameOfTransport: (at: number) => `transports[${at}]`,
    nameOfAgentToken: (name: string) => `token of ${name}`,
    files: new NamedFiles(),
    ...more,
  } as unknown as GatewaySettings;
  let next = settings;
  let reads = 0;
  const reload = new GatewayReload(settings, {
    pool,
    transports: { replace: () => () => undefined },
    logger: silentLogger,
    example: '',
    metrics: undefined,
    read: () => {
      reads += 1;
      return next;
    },
  });
  const started = await reload.start();
  let now = started;
  const gateway = {
    reload: (options: GatewayOptions) => {
      now = options;
      return new Promise<void>(() => undefined);
    },
    reloadCertificates: () => 0,
  } as unknown as Gateway;
  return {
    pool,
    secrets: () => reload.secrets,
    directory: () => now.pool,
    options: () => now,
    reads: () => reads,
    names: () => pool.stats.agents.map(({ name }) => name),
    reload: (others: AgentEntry[]) => {
      next = { ...settings, agents: others, files: new NamedFiles() };
      return reload.reload(gateway);
    },
  };
}

const entry: AgentEntry = { name: 'waf', endpoint: 'memory:waf' };

test('an agent that changed can still be asked as an observer', async () => {
  const { reload, directory, names } = await reloading([entry]);
  await reload([{ ...entry, onFailure: 'open' }]);
  expect(names()).toEqual(['waf', 'waf']);
  const { request, recordShadow } = directory();
  expect(request).toBeDefined();
  expect(() => recordShadow?.('waf', { decided: 'allow', observed: 'block' })).not.toThrow();
  expect(() => recordShadow?.('other', { decided: 'allow', observed: 'block' })).toThrow('other');
});

test('reloads that are asked for during one become one more, with what is set by then', async () => {
  const { reload, reads, names } = await reloading([entry]);
  const first = reload([entry]);
  await expect.poll(reads).toBe(1);
  const more = Array.from({ length: 12 }, (_, at) => reload(at < 11 ? [] : [entry, { ...entry, name: 'last' }]));
  await Promise.all([first, ...more]);
  expect([reads(), names()]).toEqual([2, ['waf', 'last']]);
  await reload([entry]);
  expect(reads()).toBe(3);
});

test('an agent that is removed and added again while its requests last gets a name of its own each time', async () => {
  const { reload, names } = await reloading([entry]);
  for (let round = 0; round < 3; round += 1) {
    await reload([]);
    await reload([entry]);
  }
  expect(names()).toEqual(['waf', 'waf', 'waf', 'waf']);
});

test('an agent that changed goes with the last request of the options that name it, whatever older requests last', async () => {
  const { reload, names, options } = await reloading([entry]);
  const first = options();
  for (let round = 0; round < 5; round += 1) {
    const replaced = options();
    await reload([{ ...entry, onFailure: round % 2 === 0 ? 'open' : 'closed' }]);
    // a WebSocket of the first options lives on
    if (round > 0) replaced.onReplaced?.();
  }
  await expect.poll(names).toEqual(['waf', 'waf']);
  first.onReplaced?.();
  await expect.poll(names).toEqual(['waf']);
});

test('a token file that is missing adds no agent of the same file', async () => {
  const folder = mkdtempSync(`${tmpdir()}/aw-gr-`);
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(`${folder}/token`, 'secret');
  const { reload, names } = await reloading([entry]);
  const more = { ...entry, name: 'more', tokenFile: `${folder}/token` };
  await expect(reload([entry, more, { ...entry, name: 'last', tokenFile: `${folder}/none` }])).rejects.toThrow('none');
  expect(names()).toEqual(['waf']);
  await reload([entry, more]);
  expect(names()).toEqual(['waf', 'more']);
});

test('agents that register by themselves need a restart', async () => {
  const reverse: AgentEntry = { name: 'guard', endpoint: 'reverse' };
  const { reload, names } = await reloading([entry, reverse]);
  for (const others of [
    [entry],
    [entry, { ...reverse, onFailure: 'open' as const }],
    [entry, reverse, { ...reverse, name: 'b' }],
  ])
    await expect(reload(others)).rejects.toThrow('needs a restart');
  await reload([{ ...entry, onFailure: 'open' }, reverse]);
  expect(names()).toEqual(['waf', 'guard', 'waf']);
});

test('other content of a file that cannot be replaced needs a restart; that of one which is missing is told', async () => {
  const folder = mkdtempSync(`${tmpdir()}/aw-gr-`);
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [ca, module] = [`${folder}/ca.pem`, `${folder}/transport.mjs`];
  const certificate = makeIdentity('authority').cert;
  for (const path of [ca, module]) writeFileSync(path, certificate);
  const https = { certificates: [], clientCa: ca };
  const tlsFlags = { tlsCa: ca };
  for (const [more, path, named] of [
    [{ https }, ca, 'https.clientCa'],
    [{ tlsFlags, reverseListen: 'tls://127.0.0.1:1' }, ca, 'tlsCa'],
    [{ transports: [module] }, module, 'transports[0]'],
  ] as const) {
    const { reload } = await reloading([entry], more);
    await expect(reload([entry])).resolves.toBeUndefined();
    writeFileSync(path, `${certificate}\n`);
    await expect(reload([entry])).rejects.toThrow(
      `${named}: the content of ${path} has changed, which needs a restart`,
    );
    rmSync(path);
    await expect(reload([entry])).rejects.toThrow(/cannot be read|has changed/);
    writeFileSync(path, certificate);
    await expect(reload([entry])).resolves.toBeUndefined();
  }
});

test('secrets are those of the last settings that took effect', async () => {
  const folder = mkdtempSync(`${tmpdir()}/aw-gr-`);
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [adminTokenFile, tokenFile] = [`${folder}/admin`, `${folder}/register`];
  const write = (admin: string, register: string): void => {
    writeFileSync(adminTokenFile, admin);
    writeFileSync(tokenFile, register);
  };
  write('a1', 'r1');
  const { reload, secrets } = await reloading([entry], { adminTokenFile, tokenFile, nameOfTokenFile: 'tokenFile' });
  const proves = (): boolean[] => ['r1', 'r2'].map((token) => secrets().registration?.prove('x', token) === true);
  expect([secrets().admin, proves()]).toEqual(['a1', [true, false]]);
  write('a2', 'r2\nr3');
  await expect(reload([entry])).rejects.toThrow(`tokenFile names ${tokenFile}, which must hold one token`);
  expect([secrets().admin, proves()]).toEqual(['a1', [true, false]]);
  write('a2', 'r2');
  await reload([entry]);
  expect([secrets().admin, proves()]).toEqual(['a2', [false, true]]);
});
