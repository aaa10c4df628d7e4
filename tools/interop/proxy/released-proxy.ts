import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { configuration, type ProxySettings } from './configuration.ts';

export const VERSION: string = '0.6.45';

const root = fileURLToPath(new URL('target', import.meta.url));
const binary = `${root}/bin/zentinel`;

/** `PROXY_LOG=1` shows what proxy and agent log. */
export const LOG: 'ignore' | 'inherit' = process.env['PROXY_LOG'] === undefined ? 'ignore' : 'inherit';

/** Waits in real time. */
export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Finds a free port of 127.0.0.1. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Builds the released proxy, which takes about a quarter of an hour. @returns whether it is there */
export function build(say: (text: string) => void): boolean {
  if (existsSync(binary)) return true;
  if (spawnSync('cargo', ['--version']).status !== 0) {
    say('cargo is not there: the released proxy cannot be built (Rust 1.95, protoc and cmake are needed).');
    return false;
  }
  say(`building zentinel-proxy ${VERSION}; this takes about a quarter of an hour`);
  const crate = ['install', 'zentinel-proxy', '--version', VERSION, '--locked', '--root', root];
  const env = { ...process.env, CARGO_TARGET_DIR: `${root}/build` };
  return spawnSync('cargo', crate, { stdio: 'inherit', env }).status === 0 && existsSync(binary);
}

/** A process of the released proxy. It connects to its agent before it takes requests. */
export class ReleasedProxy {
  readonly #folder: string;
  readonly #settings: ProxySettings;
  #process: ChildProcess | undefined;

  constructor(folder: string, settings: ProxySettings) {
    this.#folder = folder;
    this.#settings = settings;
  }

  /** Exit of a proxy that ended by itself; `undefined` while it runs. */
  get ended(): string | undefined {
    const { exitCode, signalCode } = this.#process ?? {};
    if (exitCode === null && signalCode === null) return undefined;
    return signalCode === null || signalCode === undefined ? `exit status ${exitCode}` : signalCode;
  }

  /** Starts it, and waits until it takes requests. @throws Error when it ends, or takes none after 15 s */
  async start(): Promise<void> {
    const file = `${this.#folder}/zentinel.kdl`;
    writeFileSync(file, configuration(this.#settings));
    this.#process = spawn(binary, ['-c', file, 'run'], { stdio: ['ignore', LOG, LOG], cwd: this.#folder });
    for (let attempt = 0; attempt < 150 && this.ended === undefined; attempt += 1) {
      if (await this.#listens()) return;
      await pause(100);
    }
    throw new Error(
      this.ended === undefined ? 'the proxy does not listen after 15 s' : `the proxy ended: ${this.ended}`,
    );
  }

  async #listens(): Promise<boolean> {
    const socket = connect(this.#settings.port, '127.0.0.1');
    const open = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    return open;
  }

  /** Ends it. Idempotent. */
  async stop(): Promise<void> {
    const running = this.#process;
    if (running === undefined || this.ended !== undefined) return;
    running.kill('SIGKILL');
    await once(running, 'exit');
  }
}
