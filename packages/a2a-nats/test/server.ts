import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** True when `nats-server` is on the PATH. */
export const hasServer: boolean = spawnSync('nats-server', ['--version']).status === 0;

/** Suffix in the name of a test that is left out, so that it is not taken for passed. */
export const unlessServer: string = hasServer
  ? ''
  : ' [SKIPPED: no nats-server on the PATH; apt-get install nats-server]';

if (!hasServer) {
  process.stderr.write(
    '\n!! nats-server is not installed: the NATS tests are SKIPPED. Install it: apt-get install nats-server\n\n',
  );
}

/** A real server that a test started. */
export interface TestServer {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Folder of its configuration and data, which goes with {@link TestServer.stop}. */
  readonly folder: string;
  /** Sends a signal. */
  readonly kill: (signal: NodeJS.Signals) => void;
  /** Waits until it is gone. */
  readonly gone: Promise<void>;
  /** Starts it again on its port with its data. */
  readonly restart: () => Promise<TestServer>;
  /** Ends it and removes its folder; also after a `kill`. */
  readonly stop: () => Promise<void>;
}

/** Returns whether SIGSTOP has reached every thread of a server; elsewhere than on Linux, that it was sent. */
export function isStopped({ pid }: TestServer): boolean {
  if (process.platform !== 'linux') return true;
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks).every((task) => /\) T /.test(readFileSync(join(tasks, task, 'stat'), 'latin1')));
}

/** Finds a free port. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/** Starts a server with JetStream in a folder of its own; `config` is added to its configuration file. */
export async function startServer(config = '', port?: number): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'agentwire-nats-'));
  const chosen = port ?? (await freePort());
  const file = join(folder, 'server.conf');
  writeFileSync(
    file,
    `listen: "127.0.0.1:${chosen}"\njetstream: { store_dir: ${JSON.stringify(folder)} }\n${config}\n`,
  );
  return launch(file, chosen);
}

/** Starts three servers that know each other. */
export async function startCluster(): Promise<TestServer[]> {
  const ports = await Promise.all([1, 2, 3].map(() => freePort()));
  const routes = await Promise.all([1, 2, 3].map(() => freePort()));
  const known = routes.map((route) => `nats://127.0.0.1:${route}`);
  return Promise.all(
    ports.map((port, at) =>
      startServer(
        `server_name: n${at}\nlame_duck_duration: "30s"\nlame_duck_grace_period: "1s"\ncluster: { name: test, listen: "127.0.0.1:${routes[at]}", routes: ${JSON.stringify(known)} }`,
        port,
      ),
    ),
  );
}

async function launch(file: string, port: number): Promise<TestServer> {
  const child: ChildProcess = spawn('nats-server', ['-c', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  const gone = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    let log = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      log += chunk.toString();
      if (log.includes('Server is ready')) resolve();
    });
    child.on('exit', () => reject(new Error(`nats-server did not start:\n${log}`)));
  });
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    pid: child.pid ?? 0,
    folder: dirname(file),
    kill: (signal) => void child.kill(signal),
    gone,
    restart: async () => {
      await gone;
      return launch(file, port);
    },
    stop: async () => {
      child.kill('SIGKILL');
      await gone;
      rmSync(dirname(file), { recursive: true, force: true });
    },
  };
}
