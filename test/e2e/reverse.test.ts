import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { makeIdentity } from '../../packages/transport-grpc/test/support/certificates.ts';
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

test.each([
  ['tcp', 'tcp://127.0.0.1:0', ['token']],
  ['tls', 'tls://127.0.0.1:0', ['certificate']],
  ['ws', 'ws://127.0.0.1:0/agents', ['token']],
  ['wss', 'wss://127.0.0.1:0/agents', ['token', 'certificate']],
])(
  'agents register over %s',
  async (_scheme, address, proof) => {
    const folder = socketFolder();
    const upstream = createServer((request, response) => response.end(`x-waf: ${String(request.headers['x-waf'])}`));
    upstream.listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    onTestFinished(() => {
      upstream.closeAllConnections();
      upstream.close();
    });
    const file = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const authority = makeIdentity('authority');
    /** Flags of one side, whose certificate has `name`. */
    const flags = (name: string): string[] => {
      const { cert, key } = makeIdentity(name, authority);
      const tls = ['--tls-ca', file('ca.pem', authority.cert)];
      tls.push('--tls-cert', file(`${name}.pem`, cert), '--tls-key', file(`${name}.key`, key));
      return [
        ...(proof.includes('token') ? ['--token-file', file('token', 'sekret')] : []),
        ...(proof.includes('certificate') ? tls : []),
      ];
    };
    const to = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
    const common = ['--listen', '127.0.0.1:0', '--upstream', to, '--agent', 'waf=reverse'];
    const gateway = start('gateway', ...common, '--reverse-listen', address, ...flags('proxy'));
    const scheme = address.slice(0, address.indexOf(':'));
    const agents = `${scheme}:${await gateway.line(`listening ${scheme}:`)}`.split(' ')[0] as string;
    const url = `http:${await gateway.line('listening http:')}`;
    expect((await fetch(url)).status).toBe(503);
    const agent = start('agent', 'waf', '--reverse', agents, '--connections', '1', ...flags('waf'));
    await agent.line(`registered ${agents}`);
    expect(await (await fetch(url)).text()).toBe('x-waf: pass');
    expect((await fetch(`${url}/?f=../../etc/passwd`)).status).toBe(403);
    expect(await agent.stop()).toBe(0);
    expect((await fetch(url)).status).toBe(503);
    expect(await gateway.stop()).toBe(0);
  },
  60_000,
);
