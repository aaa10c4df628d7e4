import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { allow, block, defineAgent, serveAgent } from '@agentwire/agent';
import { ALLOW, type Decision, type ProxyEvent } from '@agentwire/core';
import { createGateway } from '@agentwire/gateway';
import { parseGatewayFile } from '@agentwire/gateway/config-file';
import { AgentPool } from '@agentwire/pool';
import { createUdsTransport } from '@agentwire/transport-uds';
import { expect, onTestFinished, test } from 'vitest';
import { setup } from './setup.ts';

const README = await readFile(new URL('../README.md', import.meta.url), 'utf8');
const blockOf = (language: string): string => new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(README)?.[1] ?? '';

test('the example runs: a request passes, another is blocked, everything ends', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gateway-readme-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const endpoint = `unix:${join(folder, 'waf.sock')}`;
  const waf = defineAgent({
    name: 'waf',
    version: '1.0.0',
    onRequestHeaders: (request) => (request.uri === '/bad' ? block(403) : allow()),
  });
  const agent = await serveAgent(waf, { transports: [createUdsTransport()], listen: [endpoint] });
  onTestFinished(() => agent.close());
  const upstream = createServer((_request, response) => void response.end('upstream'));
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void upstream.close());
  const { port } = upstream.address() as AddressInfo;

  const statuses: number[] = [];
  const visit = async (url: string): Promise<void> => {
    for (const path of ['/good', '/bad']) statuses.push((await fetch(url + path)).status);
  };
  const code = blockOf('ts')
    .replace('unix:/tmp/waf.sock', endpoint)
    .replace('http://127.0.0.1:3000', `http://127.0.0.1:${port}`)
    .replace('port: 8080', 'port: 0')
    .replace('console.log', 'await globalThis.visit')
    .replaceAll(/from '(@agentwire\/[^']+)'/g, (_whole, name: string) => `from '${import.meta.resolve(name)}'`);
  const file = join(folder, 'example.ts');
  const { writeFile } = await import('node:fs/promises');
  await writeFile(file, code);
  Object.assign(globalThis, { visit });
  await import(/* @vite-ignore */ pathToFileURL(file).href);
  expect(statuses).toEqual([200, 403]);
});

test('the file is one that the gateway takes, and has every key and every kind of failure', () => {
  const files = README.split('```yaml\n').slice(1);
  const texts = files.map((one) => one.slice(0, one.indexOf('```')));
  const text = texts.find((one) => one.includes('adminTokenFile:')) ?? '';
  for (const one of texts) parseGatewayFile(one, 'README.md');
  const file = parseGatewayFile(text, 'README.md', ['unix', 'grpc', 'grpcs', 'tcp', 'tls']);
  expect(file).toMatchObject({ upstream: 'http://127.0.0.1:3000', pipeline: [['waf', 'api-key'], 'ai-guard'] });
  expect(() =>
    createGateway({
      ...file.gateway,
      agents: file.pipeline,
      pool: new AgentPool(),
      upstream: file.upstream,
      upstreams: file.upstreams,
      routes: file.routes,
    }),
  ).not.toThrow();
  const keysIn = (of: string): string[] => {
    let message = '';
    try {
      parseGatewayFile(of, 'x.yaml');
    } catch (error) {
      ({ message } = error as Error);
    }
    return (/may have (.*)$/.exec(message)?.[1] ?? '').split(', ').filter(Boolean);
  };
  const all = keysIn('none: 1');
  expect(all.length).toBeGreaterThan(9);
  // its files are part of the result
  expect([...Object.keys(file), 'include'].toSorted()).toEqual(all.toSorted());
  expect(Object.keys(file.agents?.[1]?.onFailure ?? {})).toHaveLength(9);
  expect(Object.keys(file.agents?.[1] ?? {}).toSorted()).toEqual(
    keysIn('agents: [{ name: a, endpoint: reverse, none: 1 }]').toSorted(),
  );
});

test.each([
  [{ requestBody: 'whole' }, 'requestBody must be one of stream, buffer'],
  [{ maxBufferedBodyBytes: -1 }, 'maxBufferedBodyBytes'],
  [{ maxChunkBytes: 17 * 1024 ** 2 }, 'maxChunkBytes'],
])('options %j are refused', (options, message) => {
  expect(() => createGateway({ pool: {} as never, upstream: 'http://h:1', ...options } as never)).toThrow(message);
});

test('the former spellings hold and maxHeldBodyBytes are taken', async () => {
  const reads = (event: ProxyEvent): Decision => ({ ...ALLOW, needsMore: !('last' in event && event.last) });
  const { url } = await setup({ reads }, { requestBody: 'hold', responseBody: 'hold', maxHeldBodyBytes: 10 });
  expect((await fetch(url, { method: 'POST', body: 'x'.repeat(11) })).status).toBe(413);
  const both = await setup({ reads }, { requestBody: 'hold', maxHeldBodyBytes: 10, maxBufferedBodyBytes: 11 });
  expect((await fetch(both.url, { method: 'POST', body: 'x'.repeat(11) })).status).toBe(200);
});
