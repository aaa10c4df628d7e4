import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { createInterface } from 'node:readline';
import { commandFile, spawnChild } from '../child.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../now.ts';
import { within } from '../wait.ts';

/** Content of a gateway's file, without the addresses that are chosen here. */
export interface GatewaySettings {
  readonly upstream: string;
  readonly agents?: readonly { readonly name: string; readonly endpoint: string }[];
  readonly pool?: object;
  readonly gateway?: object;
  /** Descriptors that it may have open; default no other limit than this process has. */
  readonly maxDescriptors?: number;
}

/** The part of `/debug/state` that rows look at. */
export interface GatewayState {
  readonly gateway: { readonly active: number; readonly requests: number };
  readonly pool: {
    readonly agents: readonly {
      readonly name: string;
      readonly connections: number;
      readonly inFlight: number;
      readonly queued: number;
      readonly liveRequests: number;
    }[];
  };
}

/** Words in a log that no fault from outside may cause. */
const BAD_WORDS = /uncaught|unhandled|failed within the gateway|MaxListeners|FATAL|Warning:|^\s+at /i;
/** Time until requests in flight must be released, in milliseconds. */
const QUIET_MS = 10_000;

/** The words that start a gateway, under `ulimit -n` where descriptors are few. */
function commandWords(file: string, maxDescriptors: number | undefined): [string, string[]] {
  const words = [commandFile(), 'gateway', '--config', file, '--json'];
  if (maxDescriptors === undefined) return [process.execPath, words];
  return ['/bin/sh', ['-c', `ulimit -n ${maxDescriptors}; exec "$0" "$@"`, process.execPath, ...words]];
}

/** Resident memory of a process, in bytes; 0 once it is gone. */
export function residentBytes(pid: number | undefined): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** A gateway in a process of its own, with an admin server. */
export class GatewayProcess {
  /** `http://HOST:PORT`. */
  readonly url: string;
  readonly admin: string;
  /** Set when the row ends it, so that its end is no finding. */
  endsItself = false;
  readonly exited: Promise<unknown>;
  readonly #child: ReturnType<typeof spawnChild>;
  readonly #problems: string[];

  private constructor(urls: readonly string[], child: ReturnType<typeof spawnChild>, problems: string[]) {
    [this.url = '', this.admin = ''] = urls;
    this.#child = child;
    this.#problems = problems;
    this.exited = once(child, 'exit');
  }

  /** Starts it, and resolves once it listens and is connected to its agents. @param file where its settings go */
  static async start(file: string, { maxDescriptors, agents, ...settings }: GatewaySettings): Promise<GatewayProcess> {
    const addresses = { listen: '127.0.0.1:0', admin: '127.0.0.1:0' };
    writeFileSync(file, JSON.stringify({ ...addresses, ...settings, ...(agents !== undefined && { agents }) }));
    const child = spawnChild(...commandWords(file, maxDescriptors));
    const problems: string[] = [];
    const errors: string[] = [];
    createInterface({ input: child.stderr }).on('line', (line) => {
      errors.push(line);
      if (errors.length > 20) errors.shift();
      if (BAD_WORDS.test(line) && problems.length < 10) problems.push(line.slice(0, 300));
    });
    const urls: string[] = [];
    const both = Promise.withResolvers<void>();
    createInterface({ input: child.stdout }).on('line', (line) => {
      urls.push((JSON.parse(line) as { endpoint: string }).endpoint);
      if (urls.length === 2) both.resolve();
    });
    await within(Promise.race([both.promise, once(child, 'exit')]), 20_000);
    if (urls.length === 2) return new GatewayProcess(urls, child, problems);
    child.kill('SIGKILL');
    throw new Error(`the gateway did not listen: ${errors.join(' | ')}`);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  get exitCode(): number | null {
    return this.#child.exitCode;
  }

  get rssBytes(): number {
    return residentBytes(this.pid);
  }

  /** Descriptors that it has open. */
  get descriptors(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  /** Sends SIGTERM; its end is expected from now on. */
  terminate(): void {
    this.endsItself = true;
    this.#child.kill('SIGTERM');
  }

  /** Response of its admin server, or `undefined` without one in 2 s. */
  state(): Promise<GatewayState | undefined> {
    const answer = new Promise<GatewayState | undefined>((resolve) => {
      const request = get(`${this.admin}/debug/state`, { agent: false, timeout: 2_000 }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('end', () => resolve(JSON.parse(text) as GatewayState)).on('error', () => resolve(undefined));
      });
      request.on('timeout', () => request.destroy()).on('error', () => resolve(undefined));
    });
    return within(answer, 3_000);
  }

  /** Waits until it answers at once for a second, 20 s at most: what clients do send and take keeps it busy before. */
  async settled(): Promise<void> {
    const until = monotonicMs() + 20_000;
    for (let quick = 0; quick < 10 && monotonicMs() < until;) {
      await sleep(100);
      const since = monotonicMs();
      await this.state();
      quick = monotonicMs() - since < 50 ? quick + 1 : 0;
    }
  }

  async #busyWith(): Promise<string[]> {
    const state = await this.state();
    if (state === undefined) return ['/debug/state does not answer'];
    const busy = state.gateway.active > 0 ? [`${state.gateway.active} requests are active`] : [];
    for (const { name, inFlight, queued, liveRequests } of state.pool.agents) {
      if (inFlight + queued + liveRequests > 0)
        busy.push(`${name} has ${inFlight} in flight, ${queued} queued, ${liveRequests} live requests`);
    }
    return busy;
  }

  /** Lists violations that no row may leave. */
  async findings(): Promise<string[]> {
    const found = this.#problems.map((line) => `stderr: ${line}`);
    if (this.ended) return this.endsItself ? found : [...found, `it died (${this.#child.signalCode ?? this.exitCode})`];
    const until = monotonicMs() + QUIET_MS;
    let busy = await this.#busyWith();
    while (busy.length > 0 && monotonicMs() < until) {
      await sleep(50);
      busy = await this.#busyWith();
    }
    return [...found, ...busy];
  }

  /** Ends it now. */
  async destroy(): Promise<void> {
    this.endsItself = true;
    if (!this.ended) {
      this.#child.kill('SIGKILL');
      await this.exited;
    }
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
  }
}
