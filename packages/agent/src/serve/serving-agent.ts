import { AgentwireError, type Listener, type Transport } from '@agentwire/core';
import { atMost, checkNumber, countRepeats } from '@agentwire/core/internal';
import type { AgentSessionOptions } from '@agentwire/core/session';
import type { Agent } from '../define/agent.ts';
import { announce } from '../define/announce.ts';
import { AgentRuntime } from '../runtime/agent-runtime.ts';
import { tell } from '../runtime/tell.ts';
import type { AgentServer, AgentStats } from './agent-server.ts';
import { chooseTransport } from './choose-transport.ts';
import { dialProxy } from './dial-proxies.ts';
import type { ResolvedServeOptions } from './options.ts';
import { Reports } from './reports.ts';
import { drainOnSignals } from './signals.ts';
import { stayAlive } from './stay-alive.ts';

/** Requests that one session keeps for later events where nothing says which are over. */
const MAX_RETAINED_PER_SESSION = 10_000;

/** Agent that listens and dials; made by `serveAgent`. */
export class ServingAgent implements AgentServer {
  readonly #agent: Agent;
  readonly #options: ResolvedServeOptions;
  readonly #runtime: AgentRuntime;
  readonly #session: AgentSessionOptions;
  readonly #reports: Reports;
  readonly #dialling = new AbortController();
  #listeners: readonly Listener[] = [];
  #dialled: Promise<unknown> = Promise.resolve();
  #removeSignals: (() => void) | undefined;
  #mayEnd: (() => void) | undefined;
  #draining: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(agent: Agent, options: ResolvedServeOptions) {
    this.#agent = agent;
    this.#options = options;
    this.#runtime = new AgentRuntime(agent, options);
    this.#reports = new Reports(agent.name, this.#runtime, options.reportIntervalMs, () => this.stats);
    const { maxConcurrentRequests, maxTrackedRequests, requestStateTtlMs } = agent.limits;
    this.#session = {
      clock: options.clock,
      // what handlers log themselves is not counted
      logger: countRepeats(options.logger, options.clock),
      // requests past the bound are refused by the runtime, over all connections; this one is for their later events
      maxInFlight: Math.max(1024, maxConcurrentRequests),
      maxRetained: Math.min(MAX_RETAINED_PER_SESSION, maxTrackedRequests),
      requestStateTtlMs,
      drainTimeoutMs: options.drainTimeoutMs,
      ...(options.keepalive !== undefined && { keepalive: options.keepalive }),
    };
  }

  async start(): Promise<void> {
    const { transports, listen, reverse, signals, clock } = this.#options;
    // all addresses are looked at before anything is bound
    for (const one of reverse) chooseTransport(transports, one.address, 'agent');
    const chosen = listen.map((address) => ({ address, transport: chooseTransport(transports, address) }));
    const bound = await Promise.allSettled(
      chosen.map(async ({ address, transport }) => this.#listen(transport, address)),
    );
    this.#listeners = bound.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const failed = bound.find((result) => result.status === 'rejected');
    if (failed !== undefined) {
      await this.close();
      throw failed.reason;
    }
    if (reverse.length > 0) this.#mayEnd = stayAlive();
    const dial = { ...this.#options, session: this.#session };
    this.#dialled = Promise.all(
      reverse.map((one) => dialProxy(this.#agent, this.#runtime, one, dial, this.#dialling.signal)),
    );
    this.#reports.start(clock);
    if (signals) this.#removeSignals = drainOnSignals(this, () => this.#abort());
  }

  #listen(transport: Transport, address: string): Promise<Listener> {
    const { handshakeTimeoutMs, authorize } = this.#options;
    return transport.listen(address, {
      self: announce(this.#agent),
      onConnection: (connection) => this.#runtime.open(connection, this.#session),
      ...(handshakeTimeoutMs !== undefined && { handshakeTimeoutMs }),
      ...(authorize !== undefined && { authorize }),
    });
  }

  get endpoints(): readonly string[] {
    return this.#listeners.map((listener) => listener.address);
  }

  get stats(): AgentStats {
    const { sessions, admission, outcomes, scopes } = this.#runtime;
    const { allow, block, redirect, challenge, ...rest } = outcomes.counts;
    return {
      connections: sessions.size,
      running: admission.undecided,
      paused: admission.paused,
      draining: this.#draining !== undefined,
      ...rest,
      decisions: { allow, block, redirect, challenge },
      tracked: scopes.tracked,
    };
  }

  drain(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    const timeoutMs = options.timeoutMs ?? this.#options.drainTimeoutMs;
    try {
      this.#draining ??= this.#drain(checkNumber('timeoutMs', timeoutMs, 0, 86_400_000));
      return this.#draining;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #drain(timeoutMs: number): Promise<void> {
    const { clock } = this.#options;
    const { sessions, admission } = this.#runtime;
    const until = clock.now() + timeoutMs;
    this.#dialling.abort(new AgentwireError('ERR_DRAINING', 'the agent drains'));
    await Promise.all(this.#listeners.map((listener) => listener.close()));
    for (const session of sessions) tell(session, { type: 'drain', durationMs: timeoutMs }, this.#options.logger);
    this.#reports.send('draining');
    // a handler between two chunks of a body is nothing that its session waits for
    await atMost(clock, timeoutMs, admission.whenIdle());
    const rest = Math.max(0, until - clock.now());
    await Promise.all([...sessions].map((session) => session.drain({ timeoutMs: rest })));
    await this.close();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#stop();
    await Promise.all(this.#listeners.map((listener) => listener.close()));
    const timeoutMs = this.#options.drainTimeoutMs;
    await Promise.all(
      // one that knows no drain would go on asking a connection that nobody answers on
      [...this.#runtime.sessions].map((session) =>
        session.connection.peer.dialect === 'zentinel' ? session.drain({ timeoutMs }) : session.close(),
      ),
    );
    await this.#dialled;
    this.#mayEnd?.();
    this.#runtime.stop();
  }

  #stop(): void {
    this.#removeSignals?.();
    this.#reports.stop();
    this.#dialling.abort(new AgentwireError('ERR_CLOSED', 'the agent was closed'));
  }

  #abort(): void {
    for (const { connection } of this.#runtime.sessions) {
      connection.abort(new AgentwireError('ERR_ABORTED', 'a second signal ended the agent'));
    }
    void this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
