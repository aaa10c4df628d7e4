// What the checks share: an upstream, a gateway, and agents in processes of their own over Unix sockets.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { AgentPool, createGateway, type Gateway } from 'agentwire';
import type { Logger } from 'agentwire/core';

/** The `agentwire` command of the installed package. */
const COMMAND = fileURLToPath(new URL('../node_modules/agentwire/bin/agentwire.js', import.meta.url));

/** Starts what a check needs, and ends it all. */
export class Lab {
  /** Folder for sockets and files. */
  readonly folder: string = mkdtempSync(join(tmpdir(), 'agents-'));
  /** Lines of the pool and of the agents, most of them about faults that a check makes; shown where one fails. */
  readonly log: string[] = [];
  readonly pool: AgentPool = new AgentPool({ requestTimeoutMs: 10_000, logger: this.#logger() });
  /** `true` until a check fails. */
  passed = true;
  readonly #servers: Server[] = [];
  readonly #children: ChildProcess[] = [];
  #gateway: Gateway | undefined;

  /** Prints a line of what happened. */
  say(text: string): void {
    process.stdout.write(`     ${text}\n`);
  }

  /** Prints if something is as it should be. */
  check(what: string, holds: boolean): void {
    this.passed &&= holds;
    process.stdout.write(`${holds ? 'ok  ' : 'FAIL'} ${what}\n`);
  }

  /** Prints the log. */
  showLog(): void {
    for (const text of this.log) process.stdout.write(`     log: ${text}\n`);
  }

  #logger(): Logger {
    const at =
      (level: string) =>
      (fields: object, message: string): void =>
        void this.log.push(`${level} ${message} ${JSON.stringify(fields)}`);
    return { debug: () => undefined, info: () => undefined, warn: at('warn'), error: at('error') };
  }

  /** Serves HTTP. @returns its address */
  async serve(listener: RequestListener): Promise<string> {
    const server = createServer(listener).listen(0, '127.0.0.1');
    this.#servers.push(server);
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** Runs `agentwire agent EXAMPLE/agent.ts ARGS`. */
  start(example: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
    const file = fileURLToPath(new URL(`${example}/agent.ts`, import.meta.url));
    const child = fork(COMMAND, ['agent', file, ...args], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, ...env },
    });
    if (child.stderr !== null)
      createInterface(child.stderr).on('line', (text) => void this.log.push(`${example}: ${text}`));
    this.#children.push(child);
    return child;
  }

  /** Runs it, and waits until it says that it is listening or registered. */
  async run(example: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<ChildProcess> {
    const child = this.start(example, args, env);
    const failed = once(child, 'exit').then(([code]) => Promise.reject(new Error(`${example} ended: ${String(code)}`)));
    if (child.stdout !== null) await Promise.race([once(createInterface(child.stdout), 'line'), failed]);
    return child;
  }

  /** Runs an agent on a Unix socket and adds it to the pool. @returns the process */
  async agent(example: string, env: NodeJS.ProcessEnv = {}): Promise<ChildProcess> {
    const endpoint = `unix:${join(this.folder, `${example}.sock`)}`;
    const child = await this.run(example, ['--listen', endpoint], env);
    await this.pool.addAgent(example, endpoint);
    return child;
  }

  /** Starts the gateway in front of `upstream`. @returns its address */
  async gateway(upstream: RequestListener, agents: readonly string[]): Promise<string> {
    this.#gateway = createGateway({ pool: this.pool, upstream: await this.serve(upstream), agents });
    return this.#gateway.listen();
  }

  async close(): Promise<void> {
    await this.#gateway?.close();
    await this.pool.close();
    for (const server of this.#servers) {
      server.close();
      server.closeAllConnections();
    }
    for (const child of this.#children) await stop(child);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Ends an agent, which answers what it has first. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}
