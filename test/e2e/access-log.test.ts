import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { agentwire, socketFolder, start } from './command-line.ts';

async function upstream(): Promise<string> {
  const server = createServer((_request, response) => response.end('ok'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const lines = (file: string): string[] => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []);

test('agentwire gateway --access-log: allowed and blocked requests, and SIGUSR1 after a rotation', async () => {
  const folder = socketFolder();
  const [waf, file] = [`unix:${join(folder, 'waf.sock')}`, join(folder, 'access.log')];
  const agent = start('agent', 'waf', '--listen', waf);
  await agent.line('listening');
  const to = ['--listen', '127.0.0.1:0', '--upstream', await upstream(), '--agent', `waf=${waf}`];
  const gateway = start('gateway', ...to, '--access-log', file);
  const url = await gateway.line('listening ');
  expect((await fetch(`${url}/ok?token=secret`)).status).toBe(200);
  expect((await fetch(`${url}/?f=../../etc/passwd`)).status).toBe(403);
  await vi.waitFor(() => expect(lines(file)).toHaveLength(2));
  expect(lines(file).map((line) => JSON.parse(line) as object)).toMatchObject([
    { path: '/ok', status: 200, decision: 'allowed' },
    { path: '/', status: 403, decision: 'blocked', agent: 'waf' },
  ]);
  renameSync(file, `${file}.1`);
  gateway.child.kill('SIGUSR1');
  await vi.waitFor(() => expect(existsSync(file)).toBe(true));
  expect((await fetch(`${url}/rotated`)).status).toBe(200);
  await vi.waitFor(() => expect(lines(file)).toHaveLength(1));
  expect(lines(`${file}.1`)).toHaveLength(2);
  expect(await gateway.stop()).toBe(0);
  expect(gateway.stderr()).not.toContain('decision=');
}, 60_000);

test('without the flag, and where stderr is no terminal, only blocked requests are logged there', async () => {
  const waf = `unix:${join(socketFolder(), 'waf.sock')}`;
  const agent = start('agent', 'waf', '--listen', waf);
  await agent.line('listening');
  const to = ['--listen', '127.0.0.1:0', '--upstream', await upstream(), '--agent', `waf=${waf}`];
  const gateway = start('gateway', ...to);
  const url = await gateway.line('listening ');
  expect((await fetch(`${url}/ok`)).status).toBe(200);
  expect((await fetch(`${url}/x?f=../../etc/passwd`)).status).toBe(403);
  await vi.waitFor(() => expect(gateway.stderr()).toMatch(/"GET \/x HTTP\/1\.1" 403 .* decision=blocked agent="waf"/));
  expect(gateway.stderr()).not.toContain('/ok');
}, 60_000);

test('a reader of the log that stops reading does not stop requests', async () => {
  const folder = socketFolder();
  const file = join(folder, 'gateway.yaml');
  writeFileSync(
    file,
    `listen: 127.0.0.1:0\nupstream: ${await upstream()}\naccessLog: { file: "-", format: combined, query: true }\n`,
  );
  const gateway = start('gateway', '--config', file);
  const url = await gateway.line('listening ');
  expect((await fetch(`${url}/first?q=1`)).status).toBe(200);
  expect(await gateway.line('127.0.0.1 - - [')).toContain('"GET /first?q=1 HTTP/1.1" 200 2');
  gateway.child.stdout?.pause();
  const path = `/${'p'.repeat(2_000)}`;
  // more than a pipe takes
  for (let at = 0; at < 200; at += 1) expect((await fetch(url + path)).status).toBe(200);
}, 60_000);

test('a format that there is not, and a file that cannot be opened, are named', async () => {
  const to = ['--listen', '127.0.0.1:0', '--upstream', 'http://127.0.0.1:1'];
  const format = await agentwire('gateway', ...to, '--access-log-format', 'xml');
  expect([format.status, format.stderr]).toEqual([2, expect.stringContaining('takes json or combined, got "xml"')]);
  const nowhere = join(socketFolder(), 'none', 'access.log');
  const file = await agentwire('gateway', ...to, '--access-log', nowhere);
  expect(file.status).not.toBe(0);
  expect(file.stderr).toContain('the access log cannot be opened: ENOENT');
}, 60_000);

test('with workers all of them write one file, and SIGUSR1 to their primary process reaches them', async () => {
  const folder = socketFolder();
  const file = join(folder, 'access.log');
  const to = ['--listen', '127.0.0.1:0', '--upstream', await upstream(), '--workers', '2'];
  const gateway = start('gateway', ...to, '--access-log', file);
  const url = await gateway.line('listening ');
  const get = async (path: string): Promise<void> => {
    const response = await fetch(url + path, { headers: { connection: 'close' } });
    expect([response.status, await response.text()]).toEqual([200, 'ok']);
  };
  for (let at = 0; at < 4; at += 1) await get(`/${at}`);
  await vi.waitFor(() => expect(lines(file)).toHaveLength(4));
  // an id begins with a prefix of its process
  expect(new Set(lines(file).map((line) => (JSON.parse(line) as { id: string }).id.split('-')[0])).size).toBe(2);
  renameSync(file, `${file}.1`);
  gateway.child.kill('SIGUSR1');
  // a worker that has not heard of it yet still writes to the former file
  await vi.waitFor(
    async () => {
      const before = lines(`${file}.1`).length;
      for (let at = 0; at < 4; at += 1) await get('/rotated');
      expect(lines(file).length).toBeGreaterThan(3);
      expect(lines(`${file}.1`)).toHaveLength(before);
    },
    { timeout: 10_000 },
  );
  expect(await gateway.stop()).toBe(0);
}, 60_000);
