import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { AgentwireError, toAgentwireError } from '@agentwire/core';
import { checkInteger, checkKnownOptions } from '@agentwire/core/internal';
import { connectionOf } from './client-connection.ts';
import { ClientServer } from './client-server.ts';
import type { ListenAddress } from './listen.ts';
import type { GatewayOptions } from './options/gateway-options.ts';
import { type ResolvedGatewayOptions, resolveGatewayOptions, shortestTimeoutMs } from './options/resolve-options.ts';
import { StallWatch } from './response/stall-watch.ts';
import { ProxiedRequest, type ProxiedRequestInput } from './proxied-request.ts';
import { answer } from './response/answer.ts';
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
  /** Connections closed at once because `maxConnections` were open. */
  readonly droppedConnections: number;
}

/** An HTTP/1.1 reverse proxy that asks agents; behaves as a server of its own or as a handler in yours. */
export interface Gateway extends AsyncDisposable {
  /** Handles one request; fits `http.createServer`. */
  readonly handler: (request: IncomingMessage, response: ServerResponse) => void;
  readonly stats: GatewayStats;
  /** Serves on an address. @returns the address, as `http://HOST:PORT`. @throws AgentwireError `ERR_CONNECT`, `ERR_INVALID_ARGUMENT` */
  listen(options?: ListenAddress): Promise<string>;
  /**
   * Takes no new connections, answers what comes on those that are open with `connection: close`, closes them once they are
   * idle for `drainIdleMs`, and ends. After `timeoutMs` (default `drainTimeoutMs`) it cuts what is left; nothing before.
   */
  drain(options?: { readonly timeoutMs?: number }): Promise<void>;
  /** Ends now: requests under way are cut. */
  close(): Promise<void>;
}

const OVERLOADED = { status: 503, headers: ['retry-after', '1'], body: '' };

class GatewayServer implements Gateway {
  readonly #options: ResolvedGatewayOptions;
  readonly #upstream: Upstream;
  readonly #stalls: StallWatch;
  readonly #servers = new Set<ClientServer>();
  /** Responses that are not finished. */
  readonly #live = new Set<ServerResponse>();
  /** No other gateway has it, on this pool, in another process or after a restart: all of them count from 1. */
  readonly #idPrefix = randomBytes(6).toString('hex');
  #droppedConnections = 0;
  #draining = false;
  /** Responses that a drain made the last of their connection. */
  readonly #endings = new WeakSet<ServerResponse>();
  #requests = 0;
  #overloaded = 0;
  #whenIdle: (() => void)[] = [];

  constructor(options: GatewayOptions) {
    this.#options = resolveGatewayOptions(options);
    const sweep = new Sweep(this.#options, shortestTimeoutMs(this.#options));
    const upstream = new Upstream(this.#options, sweep);
    this.#upstream = upstream;
    this.#stalls = new StallWatch(sweep, this.#options.clientStallTimeoutMs, () => upstream.contended);
  }

  get stats(): GatewayStats {
    return {
      active: this.#live.size,
      requests: this.#requests,
      overloaded: this.#overloaded,
      droppedConnections: this.#droppedConnections,
    };
  }

  readonly handler = (request: IncomingMessage, response: ServerResponse): void =>
    this.#handle(request, response, false);

  readonly #handle = (request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void => {
    this.#requests += 1;
    if (this.#draining) this.#announceEnd(response);
    const { maxConcurrentRequests, clock, logger } = this.#options;
    if (this.#live.size >= maxConcurrentRequests) {
      this.#overloaded += 1;
      answer(OVERLOADED, { request, response, readBytes: 0, continueDue: expectsContinue, clock, logger });
      return;
    }
    this.#live.add(response);
    const input = { id: `${this.#idPrefix}-${this.#requests}`, request, response, expectsContinue };
    const failed = (error: unknown): void => this.#failed(error, input);
    try {
      const deps = { options: this.#options, upstream: this.#upstream, stalls: this.#stalls };
      void new ProxiedRequest(deps, input).run().then(() => this.#finished(response), failed);
    } catch (error) {
      failed(error);
    }
  };

  /** Says `connection: close` with this response, and no longer with one before it on that connection: that would cut this one. */
  #announceEnd(response: ServerResponse): void {
    for (const earlier of this.#live) {
      if (earlier === response) break;
      if (earlier.req.socket === response.req.socket && this.#endings.has(earlier)) earlier.shouldKeepAlive = true;
    }
    // one that has come already, and has not begun, ends it then
    const more = connectionOf(response.req.socket)?.hasWaiting === true;
    if (!response.shouldKeepAlive || more) return;
    response.shouldKeepAlive = false;
    this.#endings.add(response);
  }

  /** Counts a request as over once its answer is sent: one that the client has not taken yet must not be cut by a drain. */
  #finished(response: ServerResponse): void {
    const unsent = response.writableEnded && !response.writableFinished && response.socket !== null;
    if (!unsent || response.destroyed) return this.#over(response);
    response.once('close', () => this.#over(response));
    this.#stalls.watch(response);
  }

  /** Ends a request that threw where nothing should: that one is answered 500, or cut; the process lives on. */
  #failed(error: unknown, { id, response }: ProxiedRequestInput): void {
    this.#options.logger.error({ id, err: error }, 'a request failed within the gateway');
    if (response.headersSent) response.destroy();
    else response.writeHead(500, { 'content-length': '0', connection: 'close' }).end();
    this.#finished(response);
  }

  #over(response: ServerResponse): void {
    this.#live.delete(response);
    if (this.#live.size > 0) return;
    const waiting = this.#whenIdle;
    this.#whenIdle = [];
    for (const done of waiting) done();
  }

  async listen(options: ListenAddress = {}): Promise<string> {
    const server = new ClientServer({
      options: this.#options,
      onRequest: this.#handle,
      live: this.#live,
      onDrop: () => (this.#droppedConnections += 1),
    });
    const url = await server.listen(options);
    this.#servers.add(server);
    this.#warnOfUnknownAgents();
    return url;
  }

  /** An agent may be added to the pool later; until then its requests fail, and somebody has to be told why. */
  #warnOfUnknownAgents(): void {
    const { pool, steps, logger } = this.#options;
    for (const agent of steps.flat()) {
      try {
        pool.handles(agent, 'requestHeaders');
      } catch (error) {
        const { message } = toAgentwireError(error, 'ERR_UNKNOWN_AGENT');
        logger.warn({ agent }, `every request is refused until this agent is added to the pool: ${message}`);
      }
    }
  }

  async drain(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    const { clock, drainTimeoutMs } = this.#options;
    checkKnownOptions('drain', options, ['timeoutMs']);
    const timeoutMs = checkInteger('timeoutMs', options.timeoutMs ?? drainTimeoutMs, 0, 86_400_000);
    this.#draining = true;
    for (const response of this.#live) this.#announceEnd(response);
    const ended = [...this.#servers].map((server) => server.drain());
    if (this.#live.size > 0) ended.push(new Promise((resolve) => this.#whenIdle.push(resolve)));
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = clock.setTimeout(resolve, timeoutMs);
    await Promise.race([promise, Promise.all(ended)]);
    clock.clearTimeout(timer);
    await this.close();
  }

  async close(): Promise<void> {
    const servers = [...this.#servers];
    this.#servers.clear();
    await Promise.all(servers.map((server) => server.close()));
    await this.#upstream.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Makes a {@link Gateway}. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function createGateway(options: GatewayOptions): Gateway {
  if (typeof options !== 'object' || options?.pool === undefined)
    throw new AgentwireError('ERR_INVALID_ARGUMENT', 'createGateway needs a pool: createGateway({ pool, upstream })');
  return new GatewayServer(options);
}
