import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { agentwire, socketFolder, start } from './command-line.ts';

function frame(type: number, payload: string): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(payload.length + 1);
  head[4] = type;
  return Buffer.concat([head, Buffer.from(payload)]);
}
const registration = (fields: object): Buffer =>
  frame(1, JSON.stringify({ protocol_version: 2, agent_id: 'waf', capabilities: {}, auth_token: 'sekret', ...fields }));

/** Sends bytes and waits until the gateway has ended the connection. @returns what it answered */
async function say(path: string, bytes: Buffer): Promise<string> {
  const socket = connect(path);
  const { promise, resolve } = Promise.withResolvers<void>();
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
  socket.on('error', () => undefined).on('close', () => resolve());
  socket.write(bytes);
  await promise;
  return answer;
}

test('the gateway logs each bad registration once, and registration and loss of an agent', async () => {
  const folder = socketFolder();
  const [path, token] = [join(folder, 'agents.sock'), join(folder, 'token')];
  writeFileSync(token, 'sekret');
  const flags = ['--upstream', 'http://127.0.0.1:1', '--agent', 'waf=reverse', '--token-file', token, '-v'];
  const gateway = start('gateway', '--listen', '127.0.0.1:0', '--reverse-listen', `unix:${path}`, ...flags);
  await gateway.line('listening unix:');
  const bad: readonly (readonly [Buffer, string])[] = [
    [registration({ auth_token: undefined }), 'its token is not valid for this id'],
    [registration({ agent_id: 'scanner' }), 'no agent of this id may register here'],
    [registration({ capabilities: ['x'] }), 'capabilities'],
    [frame(1, ' '.repeat(64 * 1024)), 'frame of'],
    [frame(0x10, '{}'), '0x10'],
  ];
  for (const [bytes] of bad) expect(await say(path, bytes)).not.toMatch(/"accepted":true/);
  for (const [, reason] of bad) expect(gateway.stderr().split(reason)).toHaveLength(2);
  expect(gateway.stderr()).not.toContain('sekret');
  const own = [`unix:${join(folder, 'own.sock')}`, `grpc+unix:${join(folder, 'own.grpc')}`];
  const ways = [...own.flatMap((endpoint) => ['--listen', endpoint]), '--reverse', `unix:${path}`];
  const agent = start('agent', 'waf', ...ways, '--token-file', token, '--connections', '1');
  await agent.line('registered unix:');
  for (const endpoint of own) {
    await agent.line(`listening ${endpoint}`);
    const called = await agentwire('call', endpoint, '--token-file', token, '--uri', '/../x');
    expect([called.status, called.stdout]).toEqual([0, expect.stringContaining('403')]);
  }
  await vi.waitUntil(() => gateway.stderr().includes('an agent registered'), 5_000);
  agent.child.kill('SIGKILL');
  await vi.waitUntil(() => gateway.stderr().includes('a registered agent left'), 5_000);
  expect(await gateway.stop()).toBe(0);
});
