import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { allow, block, defineAgent, serveAgent } from '@agentwire/agent';
import { main } from '@agentwire/cli';
import { createUdsTransport } from '@agentwire/transport-uds';
import { expect, onTestFinished, test, vi } from 'vitest';
import { socketFolder, start } from './command-line.ts';

/** Runs `agentwire replay ARGS` in this process. */
async function replay(...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const texts = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr'): Writable =>
    new Writable({ write: (part: Buffer, _, done) => ((texts[name] += part.toString()), done()) });
  const status = await main(['replay', ...args], { stdout: stream('stdout'), stderr: stream('stderr') });
  return { status, ...texts };
}

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

/** Serves an agent that blocks a path, and needs an API key. @returns what ends it */
async function serve(endpoint: string, path: string): Promise<() => Promise<void>> {
  const agent = defineAgent({
    name: 'paths',
    version: '1',
    onRequestHeaders(request) {
      if (request.headers.get('x-api-key') !== 'k') return block(401);
      return request.path === path ? block(403).withRule(path) : allow();
    },
  });
  const server = await serveAgent(agent, { transports: [createUdsTransport()], listen: [endpoint] });
  onTestFinished(() => server.close());
  return () => server.close();
}

test('agentwire replay: a recording of a gateway, asked again after a change of the rules', async () => {
  const folder = socketFolder();
  const [file, socket] = [join(folder, 'recording.ndjson'), `unix:${join(folder, 'paths.sock')}`];
  const end = await serve(socket, '/a');
  const to = ['--listen', '127.0.0.1:0', '--upstream', await upstream(), '--agent', `paths=${socket}`];
  const gateway = start('gateway', ...to, '--record', file);
  const url = await gateway.line('listening ');
  for (const path of ['/a', '/b', '/c?q=1']) await fetch(`${url}${path}`, { headers: { 'x-api-key': 'k' } });
  await vi.waitFor(() => expect(lines(file)).toHaveLength(3));
  expect(readFileSync(file, 'utf8')).toContain('["x-api-key",null]');
  renameSync(file, `${file}.1`);
  gateway.child.kill('SIGUSR1');
  await vi.waitFor(() => expect(existsSync(file)).toBe(true));
  await fetch(`${url}/d`);
  expect(await gateway.stop()).toBe(0);
  expect(lines(file)).toHaveLength(1);
  const key = ['-H', 'x-api-key: k'];

  const same = await replay(`${file}.1`, socket, ...key);
  expect(same).toMatchObject({ status: 0, stderr: '' });
  expect(same.stdout).toContain('3 requests: 3 same, 0 changed, 0 failed, 0 skipped\n  1 was asked without its query');
  const without = await replay(`${file}.1`, socket);
  expect(without.status).toBe(1);
  expect(without.stdout).toMatch(/redacted headers were not sent: x-api-key \(3\)/);
  await end();

  await serve(socket, '/b');
  const changed = await replay(`${file}.1`, socket, ...key, '--concurrency', '2');
  expect(changed.status).toBe(1);
  expect(changed.stdout).toMatch(/^changed {2}\S+ GET \/a block 403 → allow; audit.rule_ids: \["\/a"\] → none$/m);
  expect(changed.stdout).toMatch(/^changed {2}\S+ GET \/b allow → block 403; audit.rule_ids: none → \["\/b"\]$/m);
  expect(changed.stdout).toContain('3 requests: 1 same, 2 changed');
  const json = await replay(`${file}.1`, socket, ...key, '--json');
  const documents = json.stdout
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text) as Record<string, unknown>);
  expect(documents).toHaveLength(3);
  expect(documents[0]).toMatchObject({ outcome: 'changed', method: 'GET', uri: '/a', event: 'requestHeaders' });
  expect(documents[2]).toMatchObject({ outcome: 'summary', agent: 'paths', same: 1, changed: 2, withoutQuery: 1 });
}, 60_000);

test('several workers write one recording: every request is a whole line, also after a rotation', async () => {
  const folder = socketFolder();
  const [file, socket] = [join(folder, 'recording.ndjson'), `unix:${join(folder, 'paths.sock')}`];
  await serve(socket, '/a');
  const to = ['--listen', '127.0.0.1:0', '--upstream', await upstream(), '--agent', `paths=${socket}`];
  const gateway = start('gateway', ...to, '--workers', '2', '--record', file);
  const url = await gateway.line('listening ');
  const ask = (from: number): Promise<unknown> =>
    Promise.all(
      Array.from({ length: 40 }, async (_, at) => {
        // a connection each, so that both workers get some
        const headers = { 'x-api-key': 'k', 'x-long': 'l'.repeat(9_000), connection: 'close' };
        const response = await fetch(`${url}/${from + at}`, { headers });
        return response.text();
      }),
    );
  await ask(0);
  await vi.waitFor(() => expect(lines(file)).toHaveLength(40));
  renameSync(file, `${file}.1`);
  gateway.child.kill('SIGUSR1');
  await vi.waitFor(() => expect(existsSync(file)).toBe(true));
  await ask(40);
  expect(await gateway.stop()).toBe(0);
  const all = [...lines(`${file}.1`), ...lines(file)].map((text) => JSON.parse(text) as { request: { uri: string } });
  expect(new Set(all.map(({ request }) => request.uri))).toEqual(
    new Set(Array.from({ length: 80 }, (_, at) => `/${at}`)),
  );
  const replayed = await replay(`${file}.1`, socket, '-H', 'x-api-key: k', '--concurrency', '8');
  expect(replayed).toMatchObject({ status: 0, stderr: '' });
  expect(replayed.stdout).toContain('0 changed, 0 failed, 0 skipped');
}, 60_000);

test('wrong use of agentwire replay exits with 2, an agent that is not there with 1', async () => {
  const folder = socketFolder();
  const file = join(folder, 'r.ndjson');
  const request = { method: 'GET', uri: '/', headers: [], metadata: {} };
  const line = (agent: string): string => JSON.stringify({ recording: 1, id: 'a', agent, request, calls: [] });
  writeFileSync(file, `${line('a')}\n${line('b')}\n`);
  writeFileSync(`${file}.2`, 'no recording\n');
  const socket = `unix:${join(folder, 'absent.sock')}`;
  const cases: [string[], string][] = [
    [[join(folder, 'absent'), socket], 'cannot be read (ENOENT)'],
    [[`${file}.2`, socket], 'is no recording'],
    [[file, socket], 'the recording has several agents; name one with --agent: a, b'],
    [[file, socket, '--agent', 'c'], '--agent is "c", but the recording has a, b'],
    [[file, socket, '--agent', 'a', '--concurrency', '0'], '--concurrency takes a number from 1 to 1000, got "0"'],
    [[file, socket, '-H', 'x'], "-H takes 'name: value'"],
    [[file, 'nowhere'], 'nowhere'],
  ];
  for (const [args, message] of cases) {
    const { status, stderr } = await replay(...args);
    expect(stderr).toContain(message);
    expect(status, message).toBe(2);
  }
  const gone = await replay(file, socket, '--agent', 'a');
  expect(gone.stderr).toContain('ERR_CONNECT');
  expect(gone.status).toBe(1);
}, 60_000);

test('texts of a recording act on no terminal, add no lines and do not flood it', async () => {
  const folder = socketFolder();
  const [file, socket] = [join(folder, 'r.ndjson'), `unix:${join(folder, 'paths.sock')}`];
  const hostile = '\u001b]0;x\u0007\u009b31m\u2028\u202e\n200 requests: 200 same';
  const request = { method: hostile, uri: `/${hostile}${'a'.repeat(5_000)}`, headers: [[hostile, null]], metadata: {} };
  const line = (agent: string, fields: object = {}): string =>
    JSON.stringify({ recording: 1, id: hostile, agent, request, calls: [], ...fields });
  const decided = (decision: unknown): object => ({
    calls: [{ event: 'requestHeaders', decision: { decision }, ms: 1 }],
  });
  const good = { ...request, method: 'GET', uri: '/', headers: [] };
  const calls = [decided({ [hostile]: { status: hostile } }), decided({ redirect: { url: hostile, status: 302 } })];
  const all = calls.map((fields) => line(hostile, { ...fields, request: good }));
  writeFileSync(file, `${[line(hostile, decided({ block: null })), ...all].join('\n')}\n`);
  writeFileSync(`${file}.2`, Array.from({ length: 3_000 }, (_, at) => line(`${hostile}${at}`)).join('\n'));
  await serve(socket, '/a');
  const shown = await replay(file, socket);
  const json = await replay(file, socket, '--json');
  const several = await replay(`${file}.2`, socket);
  for (const { stdout, stderr } of [shown, json, several]) {
    expect(stdout + stderr).not.toMatch(/[^\P{Cc}\n]|[\p{Zl}\p{Zp}\u202e]/u);
    expect(stdout + stderr).not.toMatch(/^200 requests/m);
  }
  expect(shown.status).toBe(1);
  expect(shown.stdout).toContain(String.raw`\u{1b}]0;x\u{7}\u{9b}31m\u{2028}\u{202e}\u{a}200 requests`);
  expect(shown.stdout.split('\n').filter((text) => /^(?:changed|failed) /.test(text))).toHaveLength(3);
  expect(shown.stdout.length).toBeLessThan(6_000);
  expect(several.stderr).toContain('and 2980 more');
  expect(several.stderr.length).toBeLessThan(8_000);
  expect(several.status).toBe(2);
}, 60_000);
