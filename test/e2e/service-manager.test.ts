import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, linkSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type ListenOptions, type Server } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { agentwire, socketFolder } from './command-line.ts';

const BIN = fileURLToPath(new URL('../../packages/cli/bin/agentwire.js', import.meta.url));

/** Binds a socket as a service manager does. */
async function bound(where: ListenOptions): Promise<Server> {
  const server = createServer().listen(where);
  await once(server, 'listening');
  return server;
}

const HANDLE = '_handle';

/** Returns the descriptor of a socket, which Node does not document. */
const descriptorOf = (server: Server): number =>
  (server as unknown as { readonly [HANDLE]: { readonly fd: number } })[HANDLE].fd;

/** Starts `agentwire ARGS` with sockets as descriptors from 3 on, and the variables of a service manager. */
function activate(sockets: readonly Server[], env: Record<string, string>, ...args: string[]) {
  const fds = sockets.map((server) => descriptorOf(server));
  // the process id is that of the shell, which the command replaces
  const child = spawn('sh', ['-c', 'LISTEN_PID=$$ exec "$@"', 'sh', process.execPath, BIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe', ...fds],
    env: { ...process.env, NO_COLOR: '1', LISTEN_FDS: String(fds.length), ...env },
  });
  const closed = once(child, 'close') as Promise<[number | null]>;
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await closed;
  });
  // the child has copies of them: this process must not accept their connections
  for (const server of sockets) server.close();
  const [, stdout, stderr] = child.stdio;
  const errors: string[] = [];
  stderr?.on('data', (data: Buffer) => errors.push(data.toString()));
  const lines: string[] = [];
  const first = Promise.withResolvers<void>();
  createInterface({ input: stdout as NodeJS.ReadableStream }).on('line', (line) => {
    lines.push(line);
    first.resolve();
  });
  return {
    listening: async () => {
      const ended = closed.then(([status]) => Promise.reject(new Error(`ended with ${status}: ${errors.join('')}`)));
      await Promise.race([first.promise, ended]);
      return lines[0];
    },
    stop: async () => {
      child.kill('SIGTERM');
      return (await closed)[0];
    },
    ended: async () => ({ status: (await closed)[0], stderr: errors.join('') }),
  };
}

test('a gateway serves on the socket of a service manager, and tells it when it is ready', async () => {
  const folder = socketFolder();
  const told = join(folder, 'told');
  writeFileSync(join(folder, 'systemd-notify'), `#!/bin/sh\necho "$@" >> ${told}\n`);
  chmodSync(join(folder, 'systemd-notify'), 0o755);
  const server = await bound({ port: 0, host: '127.0.0.1' });
  const { port } = server.address() as { readonly port: number };
  const env = { LISTEN_FDNAMES: 'http', NOTIFY_SOCKET: '/run/none', PATH: `${folder}:${process.env['PATH']}` };
  const args = ['--listen', `127.0.0.1:${port}`, '--upstream', 'http://127.0.0.1:1'];
  const gateway = activate([server], env, 'gateway', ...args);
  expect(await gateway.listening()).toBe(`listening http://127.0.0.1:${port}`);
  expect((await fetch(`http://127.0.0.1:${port}`)).status).toBe(502);
  await expect.poll(() => existsSync(told) && readFileSync(told, 'utf8')).toMatch(/^--pid=\d+ READY=1\n$/);
  expect(await gateway.stop()).toBe(0);
  await expect.poll(() => readFileSync(told, 'utf8')).toMatch(/READY=1\n--pid=\d+ STOPPING=1\n$/);
}, 60_000);

test('the workers of an agent share the Unix socket of a service manager, which stays when they end', async () => {
  const path = join(socketFolder(), 'a.sock');
  const server = await bound({ path });
  linkSync(path, `${path}.kept`);
  server.on('close', () => linkSync(`${path}.kept`, path));
  const agent = activate([server], {}, 'agent', 'waf', '--listen', `unix:${path}`, '--workers', '2');
  expect(await agent.listening()).toBe(`listening unix:${path}`);
  expect((await agentwire('call', `unix:${path}`)).status).toBe(0);
  expect(await agent.stop()).toBe(0);
  expect(existsSync(path)).toBe(true);
}, 60_000);

test('a socket at another address is an error that names both', async () => {
  const server = await bound({ port: 0, host: '127.0.0.1' });
  const { port } = server.address() as { readonly port: number };
  const env = { LISTEN_FDNAMES: 'web' };
  const { status, stderr } = await activate([server], env, 'agent', 'waf', '--listen', 'tcp://127.0.0.1:1').ended();
  expect(status).toBe(2);
  expect(stderr).toContain(
    `passes a socket at 127.0.0.1:${port} (web), where nothing listens; this command listens on 127.0.0.1:1`,
  );
}, 60_000);
