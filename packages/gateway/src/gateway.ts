import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { AgentwireError } from '@agentwire/core';
import { guarded } from './guarded.ts';
import { listenOn, type ListenOptions } from './listen.ts';
import { type GatewayOptions, type ResolvedGatewayOptions, resolveGatewayOptions } from './options.ts';
import { watchStall } from './response/stall-watch.ts';
import { ProxiedRequest, type ProxiedRequestInput } from './proxied-request.ts';
import { shortestTimeout } from './pacing-options.ts';
import { Sweep } from './sweep.ts';
import { Upstream } from './upstream/upstream.ts';

/** A cheap picture of the gateway. */
export interface GatewayStats {
  /** Requests under way. */
  readonly active: number;
  /** Requests so far, those refused for want of room included. */
  readonly requests: number;
  /** Requests answered 503 because too many were under way. */
  readonly overloaded: number;
}

/** An HTTP/1.1 reverse proxy that asks agents; behaves as a server of its own or as a handler in yours. */
export interface Gateway extends AsyncDisposable {
  /** Handles one request; fits `http.createServer`. */
  readonly handler: (request: IncomingMessage, response: ServerResponse) => void;
  readonly stats: GatewayStats;
  /** Serves on an address. @returns the address, as `http://HOST:PORT`. @throws AgentwireError `ERR_CONNECT`, `ERR_INVALID_ARGUMENT` */
  listen(options?: ListenOptions): Promise<string>;
  /** Takes no new connections, waits for the requests under way (30 s at most unless said otherwise), then ends. */
  drain(options?: { readonly timeoutMs?: number }): Promise<void>;
  /** Ends now: requests under way are cut. */
  close(): Promise<void>;
}

/** The answer to CONNECT, which asks for a tunnel. */
const NO_TUNNEL = 'HTTP/1.1 501 Not Implemented\r\ncontent-length: 0\r\nconnection: close\r\n\r\n';

class GatewayServer implements Gateway {
  readonly #options: ResolvedGatewayOptions;
  readonly #upstream: Upstream;
  readonly #servers = new Set<Server>();
  /** No other gateway has it, on this pool, in another process or after a restart: all of them count from 1. */
  readonly #idPrefix = randomBytes(6).toString('hex');
  #active = 0;
  #requests = 0;
  #overloaded = 0;
  #whenIdle: (() => void)[] = [];

  constructor(options: GatewayOptions) {
    this.#options = resolveGatewayOptions(options);
    this.#upstream = new Upstream(this.#options, new Sweep(this.#options, shortestTimeout(this.#options)));
  }

  get stats(): GatewayStats {
    return { active: this.#active, requests: this.#requests, overloaded: this.#overloaded };
  }

  readonly handler = (request: IncomingMessage, response: ServerResponse): void =>
    this.#handle(request, response, false);

  readonly #handle = (request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void => {
    this.#requests += 1;
    if (this.#active >= this.#options.maxConcurrentRequests) {
      this.#overloaded += 1;
      response.writeHead(503, { 'retry-after': '1', connection: 'close' }).end();
      return;
    }
    this.#active += 1;
    const input = { id: `${this.#idPrefix}-${this.#requests}`, request, response, expectsContinue };
    const failed = (error: unknown): void => this.#failed(error, input);
    try {
      void new ProxiedRequest(this.#options, this.#upstream, input).run().then(() => this.#finished(response), failed);
    } catch (error) {
      failed(error);
    }
  };

  /** Counts a request as over once its answer is sent: one that the client has not taken yet must not be cut by a drain. */
  #finished(response: ServerResponse): void {
    const unsent = response.writableEnded && !response.writableFinished && response.socket !== null;
    if (!unsent || response.destroyed) return this.#over();
    response.once('close', () => this.#over());
    const { clientStallTimeoutMs: timeoutMs } = this.#options;
    watchStall({ response, sweep: this.#upstream.sweep, timeoutMs });
  }

  /** Ends a request that threw where nothing should: that one is answered 500, or cut; the process lives on. */
  #failed(error: unknown, { id, response }: ProxiedRequestInput): void {
    this.#options.logger.error({ id, err: error }, 'a request failed within the gateway');
    if (response.headersSent) response.destroy();
    else response.writeHead(500, { 'content-length': '0', connection: 'close' }).end();
    this.#finished(response);
  }

  #over(): void {
    this.#active -= 1;
    if (this.#active > 0) return;
    const waiting = this.#whenIdle;
    this.#whenIdle = [];
    for (const done of waiting) done();
  }

  async listen(options: ListenOptions = {}): Promise<string> {
    const { logger } = this.#options;
    const server = createServer({ keepAlive: true, noDelay: true }, this.handler);
    // "100 Continue" is sent when the body is wanted, so that a client whose head is blocked never sends it
    server.on('checkContinue', (request, response) => this.#handle(request, response, true));
    const refuseTunnel = (_request: IncomingMessage, socket: Duplex): void => {
      socket.on('error', () => socket.destroy()).end(NO_TUNNEL, () => socket.destroy());
    };
    server.on(
      'connect',
      guarded('the answer to CONNECT', logger, refuseTunnel, (_request, socket) => socket.destroy()),
    );
    const url = await listenOn(server, options);
    this.#servers.add(server);
    return url;
  }

  async #stopServers(): Promise<void> {
    const stopping = [...this.#servers].map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const server of this.#servers) server.closeIdleConnections();
    this.#servers.clear();
    await Promise.all(stopping);
  }

  async drain(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    const { clock } = this.#options;
    const servers = [...this.#servers];
    const stopped = this.#stopServers();
    if (this.#active > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#whenIdle.push(resolve);
      const timer = clock.setTimeout(resolve, options.timeoutMs ?? 30_000);
      await promise;
      clock.clearTimeout(timer);
    }
    for (const server of servers) server.closeAllConnections();
    await stopped;
    await this.#upstream.abort();
  }

  async close(): Promise<void> {
    const servers = [...this.#servers];
    const stopped = this.#stopServers();
    for (const server of servers) server.closeAllConnections();
    await stopped;
    await this.#upstream.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Makes a {@link Gateway}. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function createGateway(options: GatewayOptions): Gateway {
  if (options?.pool === undefined)
    throw new AgentwireError('ERR_INVALID_ARGUMENT', 'createGateway needs a pool: createGateway({ pool, upstream })');
  return new GatewayServer(options);
}
