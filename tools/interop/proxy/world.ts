import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, createServer, type IncomingHttpHeaders, type IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Medium } from './configuration.ts';
import { freePort, LOG, pause, ReleasedProxy } from './released-proxy.ts';

const cli = fileURLToPath(new URL('../../../packages/cli/bin/agentwire.js', import.meta.url));

/** Path that the upstream does not answer. */
const UNANSWERED = '/unanswered';

/** Response of the proxy, and the request as the upstream saw it. */
export interface Exchange {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Absent where the upstream was not asked. */
  readonly upstream?: { readonly headers: IncomingHttpHeaders; readonly bodyBytes: number };
}

/** The released proxy between an HTTP client and an upstream, with an agent of ours behind it. */
export class World {
  readonly #folder: string;
  readonly #upstream: Server;
  readonly #http = new Agent({ keepAlive: false, maxSockets: 250 });
  readonly #seen = new Map<string, NonNullable<Exchange['upstream']>>();
  #proxy: ReleasedProxy | undefined;
  #agent: ChildProcess | undefined;
  #endpoint = '';
  #port = 0;
  #count = 0;

  constructor() {
    this.#folder = mkdtempSync(`${tmpdir()}/aw-proxy-`);
    this.#upstream = createServer((incoming, answer) => {
      let bodyBytes = 0;
      incoming.on('data', (chunk: Buffer) => (bodyBytes += chunk.length));
      incoming.on('end', () => {
        this.#seen.set(String(incoming.headers['x-exchange']), { headers: incoming.headers, bodyBytes });
        if (incoming.url === UNANSWERED) return;
        answer.writeHead(200, { 'content-type': 'text/plain', 'x-upstream': '1' }).end('from the upstream');
      });
    });
  }

  /** Starts agent, upstream and proxy, in this order: the proxy connects before it listens. */
  async start(medium: Medium, defaultBreaker?: boolean): Promise<void> {
    this.#upstream.listen(0, '127.0.0.1');
    await once(this.#upstream, 'listening');
    const agentAt = medium === 'uds' ? `${this.#folder}/agent.sock` : `127.0.0.1:${await freePort()}`;
    this.#endpoint = medium === 'uds' ? `unix:${agentAt}` : `grpc://${agentAt}`;
    await this.startAgent();
    this.#port = await freePort();
    const { port: upstreamPort } = this.#upstream.address() as AddressInfo;
    const events = ['request_headers', 'request_body', 'response_headers'];
    this.#proxy = new ReleasedProxy(this.#folder, {
      port: this.#port,
      upstreamPort,
      medium,
      agentAt,
      events,
      defaultBreaker,
    });
    await this.#proxy.start();
  }

  /** Starts the reference agent as a process of its own. */
  async startAgent(): Promise<void> {
    const agent = spawn(process.execPath, [cli, 'agent', 'reference', '--listen', this.#endpoint], {
      stdio: ['ignore', 'pipe', LOG],
    });
    this.#agent = agent;
    for await (const line of createInterface({ input: agent.stdout })) if (line.startsWith('listening')) return;
    throw new Error('the agent ended before it listened');
  }

  /** Ends the agent as a crash does. */
  async killAgent(): Promise<void> {
    const agent = this.#agent;
    if (agent === undefined) return;
    agent.kill('SIGKILL');
    await once(agent, 'exit');
    this.#agent = undefined;
  }

  /** One HTTP request through the proxy. */
  async ask(
    path: string,
    options: { headers?: Record<string, string>; body?: string | Buffer } = {},
  ): Promise<Exchange> {
    this.#count += 1;
    const id = String(this.#count);
    const { body } = options;
    const headers = { ...options.headers, 'x-exchange': id };
    const method = body === undefined ? 'GET' : 'POST';
    const outgoing = request({ host: '127.0.0.1', port: this.#port, path, method, headers, agent: this.#http });
    outgoing.end(body);
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk as Buffer);
    const upstream = this.#seen.get(id);
    return {
      status: answer.statusCode ?? 0,
      headers: answer.headers,
      body: Buffer.concat(chunks).toString(),
      ...(upstream !== undefined && { upstream }),
    };
  }

  /** Sends a request, and leaves once the upstream has it. Resolves when the proxy has given it up, with `false` where the proxy answered. */
  async leave(): Promise<boolean> {
    const arrived = once(this.#upstream, 'request') as Promise<[IncomingMessage]>;
    const outgoing = request({ host: '127.0.0.1', port: this.#port, path: UNANSWERED, agent: this.#http });
    outgoing.on('error', () => undefined).end();
    const incoming = await Promise.race([arrived, once(outgoing, 'response').then(() => undefined)]);
    outgoing.destroy();
    if (incoming === undefined) return false;
    await once(incoming[0].socket, 'close');
    return true;
  }

  /** Asks until it holds. @returns after how many milliseconds, and how many attempts */
  async until(
    path: string,
    holds: (exchange: Exchange) => boolean,
    withinMs: number,
  ): Promise<{ ms: number; attempts: number }> {
    const from = performance.now();
    for (let attempts = 1; ; attempts += 1) {
      const exchange = await this.ask(path).catch(() => undefined);
      const ms = Math.round(performance.now() - from);
      if (exchange !== undefined && holds(exchange)) return { ms, attempts };
      if (ms > withinMs) throw new Error(`not within ${withinMs} ms; the last status was ${exchange?.status}`);
      await pause(200);
    }
  }

  async stop(): Promise<void> {
    await this.killAgent();
    await this.#proxy?.stop();
    this.#upstream.close();
    this.#upstream.closeAllConnections();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
