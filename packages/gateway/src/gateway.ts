import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { AgentwireError, toAgentwireError } from '@agentwire/core';
import { atMost, checkInteger, checkKnownOptions, type ListEntry } from '@agentwire/core/internal';
import type { ClientRequest, ClientResponse } from './client-messages.ts';
import { ClientServer } from './client-server.ts';
import type { ListenOptions } from './listen.ts';
import { LiveResponses } from './live-responses.ts';
import type { GatewayOptions } from './options/gateway-options.ts';
import { requestFacts } from './observe/request-facts.ts';
import { type ResolvedGatewayOptions, resolveGatewayOptions } from './options/resolve-options.ts';
import { Plan } from './plan.ts';
import { ProxiedRequest } from './proxied-request.ts';
import { answer } from './response/answer.ts';
import { UpgradeResponse } from './websocket/upgrade-response.ts';
import type { TargetStats } from './upstream/upstream-group.ts';
import type { UpstreamUsage } from './upstream/upstream-messages.ts';

/** Snapshot of a gateway; cheap to take. */
export interface GatewayStats {
  /** Requests in flight. */
  readonly active: number;
  /** Requests so far, including those answered 503 at once. */
  readonly requests: number;
  /** WebSockets that are open or asked for; each is a request in flight too. */
  readonly webSockets: number;
  /** Requests answered 503 because `maxConcurrentRequests` were in flight, or `maxWebSockets` open. */
  readonly overloaded: number;
  /** Connections closed at once because `maxConnections` were open. */
  readonly droppedConnections: number;
  /** Connections to upstreams, and the requests that wait for one. */
  readonly upstreamUsage: UpstreamUsage;
  /** Targets of `upstreams`, by name. */
  readonly upstreams: Readonly<Record<string, readonly TargetStats[]>>;
}

/** HTTP reverse proxy that asks agents: a server of its own, or a handler in yours. */
export interface Gateway extends AsyncDisposable {
  /** Handles one request; fits `http.createServer`. */
  readonly handler: (request: IncomingMessage, response: ServerResponse) => void;
  readonly stats: GatewayStats;
  /**
   * Serves on an address: HTTP/1.1, and HTTP/2 with `tls` or `h2c`.
   *
   * @returns the address, as `http://HOST:PORT` or `https://HOST:PORT`
   * @throws AgentwireError `ERR_CONNECT`, `ERR_INVALID_ARGUMENT`
   */
  listen(options?: ListenOptions): Promise<string>;
  /** Reads TLS certificates whose files have changed, which is also done every `reloadIntervalMs`. @returns how many were new */
  reloadCertificates(): number;
  /**
   * Takes over other options: routes, upstreams, agents, limits. They are checked whole before anything changes; requests in
   * flight finish with the former ones, and upstreams that did not change keep their connections. Options of connections
   * (`keepAliveTimeoutMs`, `requestHeadTimeoutMs`, `maxHeadBytes`, `maxConnections`, `maxPipelinedRequests`, `http2`) apply to
   * addresses that are listened on afterwards. Resolves when the last request that
   * began before is over, also where other options were replaced meanwhile: what only such requests use, as an agent, may be removed then. Where
   * requests last for days, as WebSockets may, `onReplaced` tells of each options by themselves.
   *
   * @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option, `ERR_CLOSED`
   */
  reload(options: GatewayOptions): Promise<void>;
  /**
   * Accepts no new connections, answers requests on open ones with `connection: close`, closes them once they are idle for
   * `drainIdleMs`, and ends. After `timeoutMs` (default `drainTimeoutMs`) it cuts the rest; nothing before.
   */
  drain(options?: { readonly timeoutMs?: number }): Promise<void>;
  /** Ends now: requests in flight are cut. */
  close(): Promise<void>;
}

const OVERLOADED_REQUEST = { status: 503, durationMs: 0, agentsMs: 0, requestBytes: 0, responseBytes: 0 };
const OVERLOADED = {
  status: 503,
  headers: ['content-type', 'text/plain; charset=utf-8', 'retry-after', '1'],
  body: 'Service Unavailable',
};

function checkGateway(options: GatewayOptions): ResolvedGatewayOptions {
  if (typeof options !== 'object' || options?.pool === undefined)
    throw new AgentwireError('ERR_INVALID_ARGUMENT', 'createGateway needs a pool: createGateway({ pool, upstream })');
  return resolveGatewayOptions(options);
}

class GatewayServer implements Gateway {
  #plan: Plan;
  /** Settles once no request has a former plan. */
  #former: Promise<unknown> = Promise.resolve();
  readonly #servers = new Set<ClientServer>();
  readonly #live = new LiveResponses();
  /** Unique among the gateways of this pool, of other processes and after a restart: all of them count from 1. */
  readonly #idPrefix = randomBytes(6).toString('hex');
  #droppedConnections = 0;
  #draining = false;
  #requests = 0;
  #overloaded = 0;
  #closed = false;

  constructor(options: GatewayOptions) {
    this.#plan = new Plan(checkGateway(options));
  }

  get #options(): ResolvedGatewayOptions {
    return this.#plan.options;
  }

  get stats(): GatewayStats {
    return {
      active: this.#live.size,
      webSockets: this.#live.webSockets.size,
      requests: this.#requests,
      overloaded: this.#overloaded,
      droppedConnections: this.#droppedConnections,
      upstreamUsage: this.#plan.upstreams.usage,
      upstreams: this.#plan.upstreams.stats,
    };
  }

  readonly handler = (request: IncomingMessage, response: ServerResponse): void =>
    this.#handle(request, response, false);

  readonly #handle = (request: ClientRequest, response: ClientResponse, expectsContinue: boolean): void => {
    this.#requests += 1;
    if (this.#draining) this.#live.announceEnd(response);
    const { maxConcurrentRequests, clock, logger } = this.#options;
    if (this.#live.size >= maxConcurrentRequests || this.#isOneTooMany(response)) {
      this.#overloaded += 1;
      this.#options.metrics?.record(OVERLOADED_REQUEST, 'overloaded');
      this.#reportOverload(request);
      answer(OVERLOADED, { request, response, readBytes: 0, continueDue: expectsContinue, clock, logger });
      return;
    }
    const entry = this.#live.add(response);
    const id = `${this.#idPrefix}-${this.#requests}`;
    const plan = this.#plan;
    const onOver = (error: unknown): void => {
      plan.ended();
      if (error === undefined) this.#live.finish(entry, this.#watchUnsent);
      else this.#failed(error, id, entry);
    };
    try {
      const { route, head } = plan.open(request);
      new ProxiedRequest(route, { id, request, response, expectsContinue, head, onOver }).run();
    } catch (error) {
      onOver(error);
    }
  };

  /** Returns whether a response is for a WebSocket that there is no room for, or that a drain would wait for. */
  #isOneTooMany(response: ClientResponse): boolean {
    if (!(response instanceof UpgradeResponse)) return false;
    return this.#draining || this.#live.webSockets.size >= this.#options.maxWebSockets;
  }

  #reportOverload(request: ClientRequest): void {
    const { onRequestEnd, clock, proxies } = this.#options;
    if (onRequestEnd === undefined) return;
    const id = `${this.#idPrefix}-${this.#requests}`;
    onRequestEnd({
      ...requestFacts(request, clock, 0, proxies),
      id,
      route: '',
      ...OVERLOADED_REQUEST,
      outcome: 'failed',
    });
  }

  readonly #watchUnsent = (response: ClientResponse): void => this.#plan.stalls.watch(response);

  /** Ends a request that failed within the gateway: it is answered 500, or cut. */
  #failed(error: unknown, id: string, entry: ListEntry<ClientResponse>): void {
    const response = entry.value;
    this.#options.logger.error({ id, err: error }, 'a request failed within the gateway');
    if (response.headersSent) response.destroy();
    else response.writeHead(500, ['content-length', '0', 'connection', 'close']).end();
    this.#live.finish(entry, this.#watchUnsent);
  }

  async listen(options: ListenOptions = {}): Promise<string> {
    this.#checkOpen();
    checkKnownOptions('listen', options, ['host', 'port', 'tls', 'h2c', 'proxyProtocol']);
    const { tls, h2c, proxyProtocol, ...address } = options;
    const server = await ClientServer.create(
      {
        options: this.#options,
        onRequest: this.#handle,
        live: this.#live,
        onDrop: () => (this.#droppedConnections += 1),
      },
      { tls, h2c, proxyProtocol },
    );
    const url = await server.listen(address);
    try {
      this.#checkOpen();
    } catch (error) {
      await server.close();
      throw error;
    }
    this.#servers.add(server);
    this.#warnOfUnknownAgents();
    return url;
  }

  async reload(options: GatewayOptions): Promise<void> {
    this.#checkOpen();
    const before = this.#plan;
    this.#plan = new Plan(checkGateway(options), before);
    this.#warnOfUnknownAgents();
    this.#former = Promise.all([this.#former, before.replace()]);
    await this.#former;
  }

  reloadCertificates(): number {
    let changed = 0;
    for (const server of this.#servers) changed += server.reloadCertificates();
    return changed;
  }

  #checkOpen(): void {
    if (this.#draining || this.#closed)
      throw new AgentwireError('ERR_CLOSED', 'the gateway was drained or closed: create another one to listen again');
  }

  /** Warns of agents that the pool does not have: they may be added later, and requests fail until then. */
  #warnOfUnknownAgents(): void {
    const { pool, logger } = this.#options;
    for (const agent of this.#plan.agents) {
      try {
        pool.handles(agent, 'requestHeaders');
      } catch (error) {
        const { message } = toAgentwireError(error, 'ERR_UNKNOWN_AGENT');
        logger.warn({ agent }, `every request is refused until this agent is added to the pool: ${message}`);
      }
    }
  }

  async drain(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    const { clock, drainTimeoutMs, drainIdleMs } = this.#options;
    checkKnownOptions('drain', options, ['timeoutMs']);
    const timeoutMs = checkInteger('timeoutMs', options.timeoutMs ?? drainTimeoutMs, 0, 86_400_000);
    this.#draining = true;
    for (const response of this.#live) this.#live.announceEnd(response);
    const ended = [...this.#servers].map((server) => server.drain());
    ended.push(this.#live.whenNone());
    await atMost(clock, timeoutMs, Promise.all(ended));
    const { webSockets } = this.#live;
    for (const webSocket of webSockets) webSocket.goAway?.();
    // time for their close frames
    const closing = [...webSockets].some(({ goAway }) => goAway !== undefined);
    if (closing) await atMost(clock, drainIdleMs, this.#live.whenNone());
    await this.close();
  }

  async close(): Promise<void> {
    this.#closed = true;
    const servers = [...this.#servers];
    this.#servers.clear();
    await Promise.all(servers.map((server) => server.close()));
    await this.#plan.upstreams.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Creates a {@link Gateway}. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function createGateway(options: GatewayOptions): Gateway {
  return new GatewayServer(options);
}
