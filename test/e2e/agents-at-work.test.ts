import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import { agentwire, socketFolder, start } from './command-line.ts';

/** Folder beside this file, so that agents in it can import the packages; gone after the test. */
function agentFolder(): string {
  const folder = mkdtempSync(fileURLToPath(new URL('./agent-', import.meta.url)));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const agentOf = (body: string): string => `import { allow, defineAgent } from '@agentwire/agent';
export default defineAgent({ name: 'one', version: '1', onRequestHeaders() { ${body} } });
`;

async function tagsOf(endpoint: string): Promise<unknown> {
  const { stdout } = await agentwire('call', endpoint, '--json');
  return (JSON.parse(stdout) as { decisions: { audit: { tags: string[] } }[] }).decisions[0]?.audit.tags;
}

test('agent --watch serves a file anew when it changes, and goes on as before where it cannot be loaded', async () => {
  const file = join(agentFolder(), 'agent.ts');
  writeFileSync(file, agentOf(`return allow().withTag('before');`));
  const listen = `unix:${join(socketFolder(), 'a.sock')}`;
  const agent = start('agent', file, '--listen', listen, '--watch');
  await agent.line('listening');
  expect(await tagsOf(listen)).toEqual(['before']);
  writeFileSync(file, agentOf(`return allow().withTag('after');`));
  await agent.line('listening');
  expect(await tagsOf(listen)).toEqual(['after']);
  // the new process was ready before the former one was asked to end, and it got no signal
  expect(agent.stderr()).toContain(`${file} has changed`);
  expect(agent.stderr()).not.toContain('SIGTERM');
  agent.child.kill('SIGHUP');
  await agent.line('listening');
  expect(agent.stderr()).toContain('SIGHUP: the agent is loaded anew');
  expect(await tagsOf(listen)).toEqual(['after']);
  // a file that loads slowly leaves no gap: that of before serves until it has loaded
  const go = `${file}.go`;
  const slow = `import { existsSync } from 'node:fs';
while (!existsSync(${JSON.stringify(go)})) await new Promise((resolve) => setImmediate(resolve));\n`;
  writeFileSync(file, slow + agentOf(`return allow().withTag('slow');`));
  await vi.waitUntil(() => agent.stderr().split('has changed').length === 3, 20_000);
  expect(await tagsOf(listen)).toEqual(['after']);
  writeFileSync(go, '');
  await agent.line('listening');
  expect(await tagsOf(listen)).toEqual(['slow']);
  writeFileSync(file, agentOf(`return allow().withTag('after');`));
  await agent.line('listening');
  for (const [mistake, reason] of [
    ['export default {', 'it cannot be loaded'],
    ['export default { name: 1 };', 'its default export is no agent'],
  ] as const) {
    const told = agent.stderr().length;
    writeFileSync(file, mistake);
    await vi.waitUntil(() => agent.stderr().slice(told).includes('the agent of before goes on'), 20_000);
    expect(agent.stderr().slice(told)).toContain(reason);
    expect(await tagsOf(listen)).toEqual(['after']);
  }
  writeFileSync(file, agentOf(`return allow().withTag('mended');`));
  await agent.line('listening');
  expect(await tagsOf(listen)).toEqual(['mended']);
  expect(await agent.stop()).toBe(0);
  expect(existsSync(listen.slice('unix:'.length))).toBe(false);
}, 60_000);

test('agent --socket-mode and --socket-group set who may connect', async () => {
  const path = join(socketFolder(), 'a.sock');
  const group = String(process.getgid?.() ?? 0);
  const grpc = `${path}.grpc`;
  const listen = ['--listen', `unix:${path}`, '--listen', `grpc+unix:${grpc}`];
  const agent = start('agent', 'waf', ...listen, '--socket-group', group, '--socket-mode', '660');
  await agent.line('listening grpc+unix:');
  for (const file of [path, grpc])
    expect([statSync(file).mode & 0o777, String(statSync(file).gid)]).toEqual([0o660, group]);
  expect((await agentwire('call', `grpc+unix:${grpc}`, '--uri', '/')).status).toBe(0);
  expect(await agent.stop()).toBe(0);
  for (const [flags, why] of [
    [['--listen', `unix:${path}`, '--socket-mode', 'rw'], 'three octal digits'],
    [['--listen', `unix:${path}`, '--socket-group', 'no-such-group'], 'there is no group'],
    [['--listen', 'tcp://127.0.0.1:0', '--socket-mode', '660'], '--listen unix:PATH'],
  ] as const) {
    const refused = await agentwire('agent', 'waf', ...flags);
    expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining(why)]);
  }
}, 60_000);

test('a thrown handler and a rejection without an await are one line each with --json, and the agent goes on', async () => {
  const file = join(agentFolder(), 'agent.ts');
  writeFileSync(
    file,
    agentOf(`if (Math.min(1, ++calls) && calls === 1) { void Promise.reject(new Error('floating')); throw new TypeError('broken'); }
    return allow().withTag('again');`).replace('export default', 'let calls = 0;\nexport default'),
  );
  const listen = `unix:${join(socketFolder(), 'a.sock')}`;
  const agent = start('agent', file, '--listen', listen, '--json');
  const stderr: string[] = [];
  agent.child.stderr?.on('data', (text: string) => stderr.push(text));
  await agent.line('{"event":"listening"');
  const failed = await agentwire('call', listen, '--uri', '/a?secret=1', '--json');
  expect(failed.status).toBe(1);
  expect(await tagsOf(listen)).toEqual(['again']);
  expect(await agent.stop()).toBe(0);
  const lines = stderr
    .join('')
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text) as Record<string, unknown>);
  expect(lines.map(({ message }) => message)).toEqual([
    'a handler failed',
    'a promise of the agent was rejected, and nothing awaited it',
  ]);
  expect(lines[0]).toMatchObject({
    level: 'error',
    method: 'GET',
    path: '/a',
    err: { name: 'TypeError', message: 'broken', stack: expect.stringContaining('agent.ts') as string },
  });
  expect(lines[0]?.['time']).toMatch(/^\d{4}-\d\d-\d\dT/);
  expect(stderr.join('')).not.toContain('secret');
}, 60_000);

test('a command that waits for a timer alone is not over: timers of agentwire keep no process alive', async () => {
  const file = join(agentFolder(), 'agent.ts');
  const wait = `await new Promise((resolve) => setTimeout(resolve, 20).unref());\n`;
  writeFileSync(file, agentOf('return allow();').replace('export default', `${wait}export default`));
  const agent = start('agent', file, '--listen', `unix:${join(socketFolder(), 'a.sock')}`);
  await agent.line('listening');
  expect(await agent.stop()).toBe(0);
}, 60_000);
