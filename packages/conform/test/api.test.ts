import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { checkAgent, checkProxy, type CheckResult, listChecks } from '@agentwire/conform';
import { describe, expect, onTestFinished, test } from 'vitest';
import { MinimalAgent } from './minimal-agent.ts';
import { MinimalProxy } from './minimal-proxy.ts';

function socketPath(): string {
  const folder = mkdtempSync(`${tmpdir()}/aw-ca-`);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return `${folder}/a.sock`;
}

async function agentWith(fault: string): Promise<string> {
  const agent = new MinimalAgent(fault);
  const path = socketPath();
  await new Promise<void>((resolve) => agent.server.listen(path, resolve));
  onTestFinished(() => agent.close());
  return `unix:${path}`;
}

const summary = (results: readonly CheckResult[]): string[] =>
  results.map(({ form, id, outcome }) => `${form} ${id} ${outcome}`);

describe('checkAgent', () => {
  test('runs the named checks and reports each as it ends', async () => {
    const endpoint = await agentWith('answers-twice');
    const seen: CheckResult[] = [];
    const forms: string[] = [];
    const report = await checkAgent(endpoint, {
      dialect: 'documented',
      timeoutMs: 500,
      only: ['handshake-answer', 'decision-once'],
      onResult: (result) => seen.push(result),
      onForm: (form) => forms.push(form),
    });
    expect(report).toMatchObject({ endpoint, holds: false });
    expect(summary(report.results)).toEqual(['documented handshake-answer pass', 'documented decision-once fail']);
    expect(report.results[1]?.reason).toBe('an answer for another request came');
    expect([seen, forms]).toEqual([report.results, ['documented']]);
  });

  test('skips a dialect that the agent does not speak, and then the report holds', async () => {
    const report = await checkAgent(await agentWith('none'), { timeoutMs: 500, only: ['handshake-answer'] });
    expect(report.holds).toBe(true);
    expect(summary(report.results)).toEqual(['documented handshake-answer pass', 'zentinel handshake-answer skip']);
    expect(report.results[1]?.reason).toContain('this dialect is not spoken');
  });

  test.each(['unix:/nowhere/a.sock', 'tcp://127.0.0.1:1', 'grpc://127.0.0.1:1'])(
    'rejects when no agent listens at %s',
    async (endpoint) => {
      await expect(checkAgent(endpoint)).rejects.toMatchObject({ code: 'ERR_CONNECT' });
    },
  );

  test.each([
    ['an unknown option', 'unix:/a', { dialekt: 'zentinel' }, 'ERR_INVALID_ARGUMENT'],
    ['a wrong type', 'unix:/a', { timeoutMs: '2000' }, 'ERR_INVALID_ARGUMENT'],
    ['an unknown check', 'unix:/a', { only: ['handshake'] }, 'ERR_INVALID_ARGUMENT'],
    ['a dialect over gRPC', 'grpc://127.0.0.1:1', { dialect: 'zentinel' }, 'ERR_INVALID_ARGUMENT'],
    ['a scheme without bytes', 'memory:a', {}, 'ERR_INVALID_ADDRESS'],
    ['an address that is none', 'nonsense', {}, 'ERR_INVALID_ADDRESS'],
  ])('refuses %s', async (_, endpoint, options, code) => {
    await expect(checkAgent(endpoint, options as never)).rejects.toMatchObject({ code });
  });
});

describe('checkProxy', () => {
  test('checks the proxy that connects to the address of onListening', async () => {
    const path = socketPath();
    const listening: string[] = [];
    const proxy = new MinimalProxy(path, 'pong-empty');
    onTestFinished(() => proxy.close());
    await new Promise<void>((resolve) => proxy.server.listen(0, '127.0.0.1', resolve));
    const report = await checkProxy(`unix:${path}`, {
      dialect: 'documented',
      url: `http://127.0.0.1:${(proxy.server.address() as AddressInfo).port}`,
      only: ['proxy-pong', 'proxy-head'],
      onListening: (address, form) => listening.push(`${address} ${form}`),
    });
    expect(listening).toEqual([`unix:${path} documented`]);
    expect(report.holds).toBe(false);
    expect(summary(report.results)).toEqual(['documented proxy-head pass', 'documented proxy-pong fail']);
  });

  test('refuses a url that is none', async () => {
    await expect(checkProxy('unix:/a', { url: 'here' })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  });
});

test('listChecks describes both sides', () => {
  const checks = listChecks();
  expect(checks[0]).toEqual({
    side: 'agent',
    id: 'handshake-answer',
    title: 'the handshake is answered with one complete reply in the format of the request',
    section: 'Handshake and how a dialect is chosen',
    level: 'must',
    forms: ['documented', 'zentinel', 'grpc'],
    needsReference: false,
  });
  expect(new Set(checks.map(({ side }) => side))).toEqual(new Set(['agent', 'proxy']));
});
