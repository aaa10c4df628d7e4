import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { main } from '@agentwire/cli';
import { expect, onTestFinished, test } from 'vitest';
import { socketFolder, start } from './command-line.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Writes the first sample of the README where every package is found, as it stands but for its socket. */
function sample(socket: string): string {
  const folder = mkdtempSync(join(root, 'test', 'sample-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [, code = ''] = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(root, 'README.md'), 'utf8')) ?? [];
  expect(code).toContain('unix:/tmp/waf.sock');
  const file = join(folder, 'agent.ts');
  writeFileSync(file, code.replaceAll('unix:/tmp/waf.sock', socket));
  return file;
}

/** Decision of the agent on a request. */
async function decision(endpoint: string, uri: string): Promise<unknown> {
  let text = '';
  const stdout = new Writable({ write: (part: Buffer, _, done) => ((text += part.toString()), done()) });
  const stderr = new Writable({ write: (_part, _, done) => done() });
  expect(await main(['call', endpoint, '--uri', uri, '--json'], { stdout, stderr })).toBe(0);
  return (JSON.parse(text) as { decisions: { decision: unknown }[] }).decisions[0]?.decision;
}

async function check(endpoint: string): Promise<void> {
  expect(await decision(endpoint, '/')).toBe('allow');
  expect(await decision(endpoint, '/admin/users')).toMatchObject({ block: { status: 403, body: 'staff only' } });
}

test('the first sample of the README works with node', async () => {
  const socket = `unix:${join(socketFolder(), 'waf.sock')}`;
  const child = spawn(process.execPath, [sample(socket)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close') as Promise<[number | null]>;
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await closed;
  });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  expect(line).toBe(`[ '${socket}' ]`);
  await check(socket);
  child.kill('SIGTERM');
  expect((await closed)[0]).toBe(0);
}, 60_000);

test('the first sample of the README works with agentwire agent FILE', async () => {
  const folder = socketFolder();
  const socket = `unix:${join(folder, 'waf.sock')}`;
  const agent = start('agent', sample(`unix:${join(folder, 'of-the-sample.sock')}`), '--listen', socket);
  expect(await agent.line('listening')).toBe(socket);
  await check(socket);
  expect(await agent.stop()).toBe(0);
}, 60_000);
