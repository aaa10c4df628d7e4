import {
  type AgentwireError,
  type Connection,
  type ConnectionHandler,
  type Decision,
  FEATURES,
  type GuardrailInspect,
  type Hello,
  parseEndpoint,
  type RequestBodyChunk,
  type RequestComplete,
  type RequestHead,
  type RequestId,
  type ResponseBodyChunk,
  type ResponseHeaders,
  type WebSocketFrame,
} from '@agentwire/core';
import { checkBoolean, checkText } from '@agentwire/core/internal';
import { type AddAgentOptions, AgentTable } from './agent-table.ts';
import { findTransport } from './find-transport.ts';
import { type AgentPoolOptions, type ResolvedPoolOptions, resolvePoolOptions } from './options.ts';
import type { PoolAskOptions, Question } from './question.ts';
import { RegularSweep } from './regular-sweep.ts';
import { type AgentHealth, healthOf } from './report/agent-health.ts';
import { type AgentPoolStats, statsOf } from './report/pool-stats.ts';

/** What an event says without its `type`, for the methods that are named after it. */
type Body<T> = Omit<T, 'type'>;

/**
 * Keeps connections to agents, gives each request to one of them, and heals what breaks; Agent Protocol v2, AgentPool.
 *
 * The `id` of an event is the caller's own, unique among its live requests of that agent; it does not leave the process.
 */
export class AgentPool implements AsyncDisposable {
  readonly #options: ResolvedPoolOptions;
  readonly #agents: AgentTable;
  readonly #self: Hello;
  readonly #sweep: RegularSweep;

  constructor(options?: AgentPoolOptions) {
    this.#options = resolvePoolOptions(options);
    this.#agents = new AgentTable(this.#options);
    this.#self = {
      role: 'proxy',
      name: this.#options.name,
      version: '0',
      features: FEATURES,
      encodings: this.#options.encodings,
    };
    this.#sweep = new RegularSweep(this.#options.clock, this.#agents);
  }

  /**
   * Adds an agent and connects to it. Resolves when each connection has been made or has failed once: an agent that is
   * not there yet comes in later, and until then its requests fail with `ERR_CONNECT`.
   *
   * @param endpoint in the grammar of `parseEndpoint`
   * @throws AgentwireError `ERR_INVALID_ADDRESS`, `ERR_DUPLICATE_AGENT`, `ERR_CLOSED`
   */
  async addAgent(name: string, endpoint: string, options: AddAgentOptions = {}): Promise<void> {
    const { scheme, address } = parseEndpoint(endpoint);
    const transport = findTransport(this.#options.transports, scheme, endpoint);
    const { connections } = this.#agents.add(name, address, options);
    const { token } = options;
    await connections.connect(transport, address, token === undefined ? this.#self : { ...this.#self, token });
  }

  /** Adds an agent on a Unix socket. */
  async addUdsAgent(name: string, path: string, options?: AddAgentOptions): Promise<void> {
    return this.addAgent(name, checkText('path', path).startsWith('unix:') ? path : `unix:${path}`, options);
  }

  /** Adds an agent over gRPC; `tls`, or an endpoint with `grpcs://` or `https://`, chooses `grpcs:`, whose certificates are the transport's options. */
  async addGrpcAgent(name: string, hostPort: string, tls = false, options?: AddAgentOptions): Promise<void> {
    // an object of options here would be taken for true
    checkBoolean('tls', tls);
    const { scheme, target } = parseEndpoint(hostPort);
    // who writes https:// or grpcs:// has chosen, and must never get a connection without TLS
    return this.addAgent(name, `${tls || scheme === 'grpcs' ? 'grpcs' : 'grpc'}://${target}`, options);
  }

  /** Adds an agent that will connect by itself: until it has, its requests fail with `ERR_CONNECT`. See {@link adopt}. */
  addReverseAgent(name: string, options: AddAgentOptions = {}): void {
    this.#agents.add(name, `reverse:${name}`, options);
  }

  /** Whether an agent of that name was added. */
  has(name: string): boolean {
    return this.#agents.has(name);
  }

  /**
   * Takes over a connection that an agent opened (a reverse connection); call it in `onConnection` and give back what it
   * gives. An agent of that name is added if there is none; `options` count only then.
   *
   * @param name default the id that it registered with (`capabilities.agentId`), which is what a token proves; an agent's
   * own name is only for logs
   *
   * @throws AgentwireError `ERR_DUPLICATE_AGENT` for the name of an agent that the pool dials, `ERR_CLOSED` once the pool is
   * drained or closed; both refuse the peer
   */
  adopt(connection: Connection, name: string = idOf(connection), options: AddAgentOptions = {}): ConnectionHandler {
    return this.#agents.takeIn(name, options).connections.adopt(connection);
  }

  /** Ends an agent's connections at once and forgets it. @throws AgentwireError `ERR_UNKNOWN_AGENT` */
  removeAgent(name: string): Promise<void> {
    return this.#agents.remove(name);
  }

  /**
   * Asks an agent about one event: the one way in, which the methods named after events use.
   *
   * @throws AgentwireError `ERR_UNKNOWN_AGENT`, `ERR_CONNECT`, `ERR_CLOSED`, `ERR_TIMEOUT`, `ERR_ABORTED`, `ERR_OVERLOADED`,
   * `ERR_DRAINING`, `ERR_FLOW_PAUSED`, `ERR_PROTOCOL`, `ERR_UNSUPPORTED`, `ERR_MESSAGE_TOO_LARGE`, `ERR_DUPLICATE_REQUEST`,
   * `ERR_INVALID_STATE` (a body chunk without headers before it), `ERR_HANDLER`.
   */
  request(agent: string, event: Question, options?: PoolAskOptions): Promise<Decision> {
    try {
      return this.#agents.get(agent).ask(event, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Asks like {@link request}, and where the agent cannot decide gives what its failure policy says: the audit of such a
   * decision has the reason, a counter and one log line too. Rejects only for what the caller did: `ERR_ABORTED`,
   * `ERR_UNKNOWN_AGENT`, `ERR_DUPLICATE_REQUEST`, `ERR_INVALID_STATE`, `ERR_INVALID_ARGUMENT`. An event that the agent did not ask for is
   * allowed without asking, and asks for the body where the agent takes that alone; a guardrail or a configuration is not,
   * because allow would say that it was judged or applied. An agent that takes no event of an HTTP request at all fails.
   */
  decide(agent: string, event: Question, options?: PoolAskOptions): Promise<Decision> {
    try {
      return this.#agents.get(agent).decide(event, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Gives what the failure policy of an agent says about an event whose decision the caller could not use, and counts and
   * logs it as a failure of the agent.
   *
   * @throws AgentwireError `ERR_UNKNOWN_AGENT`; `error` itself where no policy speaks for it
   */
  decideFailure(agent: string, event: Question['type'], error: AgentwireError): Decision {
    return this.#agents.get(agent).failures.decide(event, error);
  }

  /** Whether any connection of the agent takes such events; `undefined` before it was ever connected. */
  handles(agent: string, type: Question['type'] | 'requestComplete'): boolean | undefined {
    return this.#agents.get(agent).handles(type);
  }

  /** The head of a request; every member of its metadata is optional. */
  sendRequestHeaders(agent: string, headers: Body<RequestHead>, options?: PoolAskOptions): Promise<Decision> {
    return this.request(agent, { ...headers, type: 'requestHeaders' }, options);
  }

  /** A piece of a request's body, on the connection that took its headers. */
  sendRequestBodyChunk(agent: string, chunk: Body<RequestBodyChunk>, options?: PoolAskOptions): Promise<Decision> {
    return this.request(agent, { ...chunk, type: 'requestBodyChunk' }, options);
  }

  /** The head of the response. */
  sendResponseHeaders(agent: string, headers: Body<ResponseHeaders>, options?: PoolAskOptions): Promise<Decision> {
    return this.request(agent, { ...headers, type: 'responseHeaders' }, options);
  }

  /** A piece of the response's body. */
  sendResponseBodyChunk(agent: string, chunk: Body<ResponseBodyChunk>, options?: PoolAskOptions): Promise<Decision> {
    return this.request(agent, { ...chunk, type: 'responseBodyChunk' }, options);
  }

  /** One WebSocket frame. */
  sendWebSocketFrame(agent: string, frame: Body<WebSocketFrame>, options?: PoolAskOptions): Promise<Decision> {
    return this.request(agent, { ...frame, type: 'webSocketFrame' }, options);
  }

  /** Text for a guardrail. */
  sendGuardrailInspect(agent: string, inspection: Body<GuardrailInspect>, options?: PoolAskOptions): Promise<Decision> {
    return this.request(agent, { ...inspection, type: 'guardrailInspect' }, options);
  }

  /**
   * Tells an agent that a request is over, also one that takes no heads of requests and was asked nothing.
   *
   * @returns whether it was told, or had been asked
   */
  sendRequestComplete(agent: string, { id, ...summary }: Body<RequestComplete>): boolean {
    return this.#agents.get(agent).requests.complete(id, summary);
  }

  /** Gives a request up. @returns whether it was live */
  cancelRequest(agent: string, id: RequestId): boolean {
    return this.#agents.get(agent).requests.cancel(id);
  }

  /** Gives every request of an agent up. */
  cancelAll(agent: string): void {
    this.#agents.get(agent).requests.cancelAll();
  }

  /** How an agent does. @throws AgentwireError `ERR_UNKNOWN_AGENT` */
  getHealth(agent: string): AgentHealth {
    return healthOf(this.#agents.get(agent));
  }

  get stats(): AgentPoolStats {
    return statsOf(this.#agents.all());
  }

  async #stop(drainTimeoutMs: number): Promise<void> {
    this.#sweep.stop();
    await this.#agents.stop(drainTimeoutMs);
  }

  /** Takes nothing new, waits for what is in flight (`drainTimeoutMs` at most), then closes. */
  drain(): Promise<void> {
    return this.#stop(this.#options.drainTimeoutMs);
  }

  /** Closes every connection; what is in flight fails with `ERR_CLOSED`. */
  close(): Promise<void> {
    return this.#stop(0);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function idOf({ peer }: Connection): string {
  return peer.capabilities?.agentId ?? peer.name;
}

/** Makes an {@link AgentPool}. */
export function createAgentPool(options?: AgentPoolOptions): AgentPool {
  return new AgentPool(options);
}
