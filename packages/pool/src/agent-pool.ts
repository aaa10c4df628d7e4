import {
  AgentwireError,
  type Capabilities,
  type ClientTls,
  type Connection,
  type ConnectionHandler,
  type Decision,
  FEATURES,
  type Hello,
  type MetricsRecorder,
  parseEndpoint,
  type RequestComplete,
  type RequestId,
} from '@agentwire/core';
import type { AskOptions } from '@agentwire/core/session';
import { agentIdOf, checkMethods, checkObject, checkText, Sweep } from '@agentwire/core/internal';
import type { Cancelled } from './agent/agent-requests.ts';
import type { ConfigPush, ConfigPushResult } from './agent/config-pushes.ts';
import { type AddAgentOptions, AgentTable } from './agent-table.ts';
import { withAgentTls } from './agent-tls.ts';
import type { FailurePolicy } from './failure-policy.ts';
import { findTransport } from './find-transport.ts';
import { type AgentHealth, type ConnectionHealth, connectionHealthOf, healthOf } from './health/agent-health.ts';
import { type AgentPoolOptions, type ResolvedPoolOptions, resolvePoolOptions } from './options.ts';
import type { PoolAskOptions, Question } from './question.ts';
import { type AgentPoolStats, statsOf } from './stats.ts';
import { StickySessionMethods } from './sticky-session-methods.ts';

/** Outcome of `pushConfigToAll` for one agent: a result or an error. */
export type AgentConfigPush =
  | { readonly agent: string; readonly result: ConfigPushResult }
  | { readonly agent: string; readonly error: AgentwireError };

/** Time between two checks for expired requests, in milliseconds. */
const SWEEP_MS = 10_000;

/**
 * Connections to agents: each request goes to one of them, and lost ones are dialled again; Agent Protocol v2, AgentPool.
 *
 * The `id` of an event is the caller's own, unique among its live requests of that agent; it does not leave the process.
 */
export class AgentPool extends StickySessionMethods implements AsyncDisposable {
  readonly #options: ResolvedPoolOptions;
  readonly #agents: AgentTable;
  readonly #self: Hello;
  readonly #sweep: Sweep;

  /** Makes a pool with this configuration, as the constructor; Agent Protocol v2, `with_config`. */
  static withConfig<Pool extends AgentPool>(
    this: new (options?: AgentPoolOptions) => Pool,
    config: AgentPoolOptions,
  ): Pool {
    return new this(config);
  }

  constructor(options?: AgentPoolOptions) {
    super();
    this.#options = resolvePoolOptions(options);
    this.#agents = new AgentTable(this.#options);
    this.#self = {
      role: 'proxy',
      name: this.#options.name,
      version: '0',
      features: this.#options.decisionCache === undefined ? FEATURES.filter((one) => one !== 'cache') : FEATURES,
      encodings: this.#options.encodings,
    };
    this.#sweep = new Sweep(this.#options.clock, SWEEP_MS, () => {
      for (const { requests, cached } of this.#agents.all()) {
        requests.sweep();
        cached?.sweep();
      }
      return true;
    });
    this.#sweep.start();
  }

  /**
   * Adds an agent and connects to it. Resolves when each connection has been made or has failed once: attempts go on for an
   * agent that is not there yet, and until then its requests fail with `ERR_CONNECT`.
   *
   * @param endpoint in the grammar of `parseEndpoint`
   * @throws AgentwireError `ERR_INVALID_ADDRESS`, `ERR_DUPLICATE_AGENT`, `ERR_CLOSED`
   */
  addAgent(name: string, endpoint: string, options?: AddAgentOptions): Promise<void> {
    return this.#dial(name, endpoint, options);
  }

  async #dial(name: string, endpoint: string, options: AddAgentOptions = {}, tls?: ClientTls): Promise<void> {
    const { scheme, address } = parseEndpoint(endpoint);
    const stock = findTransport(this.#options.transports, scheme, endpoint);
    const transport = tls === undefined ? stock : await withAgentTls(stock, tls);
    const { connections } = this.#agents.add(name, address, options);
    const { token } = options;
    await connections.connect(transport, address, token === undefined ? this.#self : { ...this.#self, token });
  }

  /** Adds an agent on a Unix socket. */
  async addUdsAgent(name: string, path: string, options?: AddAgentOptions): Promise<void> {
    return this.addAgent(name, checkText('path', path).startsWith('unix:') ? path : `unix:${path}`, options);
  }

  /**
   * Adds an agent over gRPC.
   *
   * @param endpoint `host:port`, or with `grpc://`, `grpcs://`, `http://`, `https://`, or `grpc+unix:PATH`, which has no TLS
   * @param tls `true` for `grpcs:` with the keys and certificates of the transport, or those for this agent alone; default `false`, which
   * an endpoint with `grpcs://` or `https://` overrides
   * @throws AgentwireError as {@link addAgent}, and `ERR_INVALID_ARGUMENT` for keys and certificates that cannot be used
   */
  async addGrpcAgent(
    name: string,
    endpoint: string,
    tls: boolean | ClientTls = false,
    options?: AddAgentOptions,
  ): Promise<void> {
    const own = typeof tls === 'boolean' ? undefined : checkObject('tls', tls);
    const { scheme, target } = parseEndpoint(endpoint);
    if (scheme === 'grpc+unix' && tls === false) return this.#dial(name, endpoint, options);
    if (scheme !== 'grpc' && scheme !== 'grpcs')
      throw new AgentwireError(
        'ERR_INVALID_ADDRESS',
        `addGrpcAgent takes HOST:PORT, or grpc+unix:PATH without TLS, got ${JSON.stringify(endpoint)}`,
      );
    return this.#dial(name, `${tls !== false || scheme === 'grpcs' ? 'grpcs' : 'grpc'}://${target}`, options, own);
  }

  /** Adds an agent that connects by itself: until it has, its requests fail with `ERR_CONNECT`. See {@link adopt}. */
  addReverseAgent(name: string, options: AddAgentOptions = {}): void {
    this.#agents.add(name, `reverse:${name}`, options);
  }

  /** Returns whether the pool has an agent of that name. */
  has(name: string): boolean {
    return this.#agents.has(name);
  }

  /**
   * Takes over a connection that an agent opened (a reverse connection); call it in `onConnection` and return its result.
   * An agent of that name is added if there is none; `options` apply only then.
   *
   * @param name default the id that it registered with (`capabilities.agentId`), which a token proves; the agent's own name
   * is only for logs
   *
   * @throws AgentwireError `ERR_DUPLICATE_AGENT` for the name of an agent that the pool dials, `ERR_CLOSED` once the pool is
   * drained or closed; both refuse the peer
   */
  adopt(
    connection: Connection,
    name: string = agentIdOf(connection.peer),
    options: AddAgentOptions = {},
  ): ConnectionHandler {
    return this.#agents.getOrAdd(name, options).connections.adopt(connection);
  }

  /**
   * Adds a connection that a `ReverseConnectionListener` accepted; Agent Protocol v2, `add_reverse_connection`. With its `acceptLoop(pool)` this
   * is not needed.
   *
   * @param client what `accept()` gave: it hands its connection over to {@link adopt}
   * @param capabilities those of the registration; not used, because the connection has them
   * @throws AgentwireError as {@link adopt}; the connection is then aborted
   */
  addReverseConnection(
    name: string,
    client: { handOver(take: (connection: Connection) => ConnectionHandler): void },
    capabilities?: Capabilities,
  ): void {
    void capabilities;
    checkText('name', name);
    checkMethods('client', client, ['handOver']);
    client.handOver((connection) => this.adopt(connection, name));
  }

  /** Ends an agent's connections at once and removes it. @throws AgentwireError `ERR_UNKNOWN_AGENT` */
  removeAgent(name: string): Promise<void> {
    return this.#agents.remove(name);
  }

  /**
   * Sends one event to an agent and resolves to its decision. The methods named after events call it.
   *
   * @throws AgentwireError `ERR_UNKNOWN_AGENT`, `ERR_CONNECT`, `ERR_CLOSED`, `ERR_TIMEOUT`, `ERR_ABORTED`, `ERR_OVERLOADED`,
   * `ERR_DRAINING`, `ERR_FLOW_PAUSED`, `ERR_PROTOCOL`, `ERR_UNSUPPORTED`, `ERR_MESSAGE_TOO_LARGE`, `ERR_DUPLICATE_REQUEST`,
   * `ERR_INVALID_STATE` (a body chunk without headers before it), `ERR_HANDLER`.
   */
  override request(agent: string, event: Question, options?: PoolAskOptions): Promise<Decision> {
    try {
      return this.#agents.get(agent).request(event, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Sends like {@link request}, and resolves to the decision of the agent's failure policy where the agent cannot give one:
   * its audit has the reason, and it is counted and logged. An event that the agent does not take is allowed without asking,
   * and asks for the body where the agent takes that; a guardrail or a configuration is not, because allow would mean that
   * it was judged or applied. An agent that takes no event of an HTTP request at all fails.
   *
   * @throws AgentwireError for errors of the caller: `ERR_ABORTED`, `ERR_UNKNOWN_AGENT`, `ERR_DUPLICATE_REQUEST`,
   * `ERR_INVALID_STATE`, `ERR_INVALID_ARGUMENT`
   */
  decide(agent: string, event: Question, options?: PoolAskOptions): Promise<Decision> {
    try {
      return this.#agents.get(agent).decide(event, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Returns the decision of an agent's failure policy for an event whose own decision the caller could not use; counted and
   * logged as a failure of the agent.
   *
   * @param onFailure policy in place of the agent's own
   * @throws AgentwireError `ERR_UNKNOWN_AGENT`; `error` itself where it is the caller's own
   */
  decideFailure(agent: string, event: Question['type'], error: AgentwireError, onFailure?: FailurePolicy): Decision {
    return this.#agents.get(agent).failures.decide(event, error, onFailure);
  }

  /**
   * Counts what an agent that is not obeyed would have decided, beside what was decided, in `agent_shadow_decisions_total`.
   *
   * @throws AgentwireError `ERR_UNKNOWN_AGENT`
   */
  recordShadow(agent: string, { decided, observed }: { readonly decided: string; readonly observed: string }): void {
    const { name } = this.#agents.get(agent);
    this.#options.metrics.count('agent_shadow_decisions_total', { agent: name, decided, observed });
  }

  /** Returns whether the agent takes such events; `undefined` before it was ever connected. */
  handles(agent: string, type: Question['type'] | 'requestComplete'): boolean | undefined {
    return this.#agents.get(agent).handles(type);
  }

  /**
   * Tells an agent that a request is over, also one that takes no heads of requests and was asked nothing.
   *
   * @returns whether it was told, or had been asked
   */
  sendRequestComplete(agent: string, { id, ...summary }: Omit<RequestComplete, 'type'>): boolean {
    return this.#agents.get(agent).requests.complete(id, summary);
  }

  /**
   * Cancels a request: its unanswered events reject with `ERR_ABORTED` before this resolves, and the agent is told. A request that is over, or
   * that the agent never had, changes nothing.
   *
   * @throws AgentwireError `ERR_UNKNOWN_AGENT`
   */
  async cancelRequest(agent: string, id: RequestId): Promise<Cancelled> {
    return this.#agents.get(agent).requests.cancel(id);
  }

  /** Cancels every request of an agent, as {@link cancelRequest}. @throws AgentwireError `ERR_UNKNOWN_AGENT` */
  async cancelAll(agent: string): Promise<Cancelled> {
    return this.#agents.get(agent).requests.cancelAll();
  }

  /** Begins to record, in a pool without a recorder: what is counted from now on, and what its gauges have now. */
  protected startMetrics(recorder: MetricsRecorder): void {
    this.#options.metrics.start(recorder);
    for (const { connections } of this.#agents.all()) connections.recordGauges();
  }

  /**
   * Returns the recorder that the pool was given as `metrics`, for example a `MetricsCollector` of `@agentwire/metrics`.
   *
   * @throws AgentwireError `ERR_INVALID_STATE` for a pool without one; `AgentPool` of the package `agentwire` makes one then
   */
  metricsCollector(): MetricsRecorder {
    const { recorder } = this.#options.metrics;
    if (recorder !== undefined) return recorder;
    const message = 'the pool records nothing; give it a recorder: new AgentPool({ metrics: new MetricsCollector() })';
    throw new AgentwireError('ERR_INVALID_STATE', message);
  }

  /**
   * Sends a configuration on every connection of an agent, because any of them may lead to another process, and resolves to what each one
   * answered. It is sent again on each connection that is made later, if one accepted it and none refused it.
   *
   * @param options `timeoutMs` for the whole push, default `requestTimeoutMs`
   * @throws AgentwireError when no connection acknowledges or refuses it: `ERR_UNSUPPORTED` at once for an agent that takes none, or cannot
   * acknowledge it, `ERR_CONNECT`, `ERR_TIMEOUT`, `ERR_OVERLOADED` past 16 pushes that wait, `ERR_DRAINING`, `ERR_CLOSED`, `ERR_ABORTED`,
   * `ERR_MESSAGE_TOO_LARGE`, `ERR_UNKNOWN_AGENT`, `ERR_INVALID_ARGUMENT`
   */
  async pushConfig(agent: string, update: ConfigPush, options?: AskOptions): Promise<ConfigPushResult> {
    return this.#agents.get(agent).configs.push(update, options);
  }

  /** Sends a configuration to every agent, as {@link pushConfig}; resolves to the result, or the error, of each. */
  pushConfigToAll(update: ConfigPush, options?: AskOptions): Promise<readonly AgentConfigPush[]> {
    const pushes = Array.from(this.#agents.all(), ({ name, configs }) =>
      configs.push(update, options).then(
        (result) => ({ agent: name, result }),
        (error: AgentwireError) => ({ agent: name, error }),
      ),
    );
    return Promise.all(pushes);
  }

  /** Returns the health of an agent. @throws AgentwireError `ERR_UNKNOWN_AGENT` */
  getHealth(agent: string): AgentHealth {
    return healthOf(this.#agents.get(agent), this.#options.clock);
  }

  /** Returns the health of each connection of an agent. @throws AgentwireError `ERR_UNKNOWN_AGENT` */
  getConnectionHealth(agent: string): readonly ConnectionHealth[] {
    return connectionHealthOf(this.#agents.get(agent), this.#options.clock);
  }

  protected override stickySessionsOf(agent: string): ReturnType<StickySessionMethods['stickySessionsOf']> {
    return this.#agents.get(agent).requests.sticky;
  }

  /** Sticky sessions of all agents that have not expired. */
  get stickySessionCount(): number {
    let count = 0;
    for (const { requests } of this.#agents.all()) count += requests.sticky.size;
    return count;
  }

  get stats(): AgentPoolStats {
    return statsOf(this.#agents.all());
  }

  async #stop(drainTimeoutMs: number): Promise<void> {
    this.#sweep.stop();
    await this.#agents.stop(drainTimeoutMs);
  }

  /** Refuses new requests, waits for what is in flight (`drainTimeoutMs` at most), then closes. */
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

/** Makes an {@link AgentPool}. */
export function createAgentPool(options?: AgentPoolOptions): AgentPool {
  return new AgentPool(options);
}
