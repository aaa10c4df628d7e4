import {
  AgentwireError,
  type ConfigUpdate,
  type Connection,
  type ConnectionHandler,
  type Listener,
  type Transport,
} from '@agentwire/core';
import { atMost, checkNumber, countRepeats } from '@agentwire/core/internal';
import type { AgentSessionOptions } from '@agentwire/core/session';
import type { Agent } from '../define/define-agent.ts';
import { announce } from '../define/announce.ts';
import { AgentRuntime } from '../runtime/agent-runtime.ts';
import { notifyProxy } from '../runtime/notify.ts';
import type { AgentReport, AgentServer, AgentStats, ConfigReply } from './agent-server.ts';
import { chooseTransport } from './choose-transport.ts';
import { dialProxy } from './dial-proxies.ts';
import type { ResolvedServeOptions } from './options.ts';
import { drainOnSignals, keepProcessAlive } from './process-lifetime.ts';
import { Reports } from './reports.ts';

/** Number of requests that one session keeps for later events of proxies that do not report the end of a request. */
const MAX_RETAINED_PER_SESSION = 10_000;

/** Agent that listens and dials; created by `serveAgent`. */
export class ServingAgent implements AgentServer {
  readonly #agent: Agent;
  readonly #options: ResolvedServeOptions;
  readonly #runtime: AgentRuntime;
  readonly #session: AgentSessionOptions;
  readonly #reports: Reports;
  readonly #dialing = new AbortController();
  #listeners: readonly Listener[] = [];
  #dialed: Promise<unknown> = Promise.resolve();
  #removeSignals: (() => void) | undefined;
  #letProcessEnd: (() => void) | undefined;
  #draining: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(agent: Agent, options: ResolvedServeOptions) {
    this.#agent = agent;
    this.#options = options;
    this.#runtime = new AgentRuntime(agent, options);
    this.#reports = new Reports(agent.name, this.#runtime, options, () => this.stats);
    const { maxConcurrentRequests, maxTrackedRequests, requestStateTtlMs } = agent.limits;
    this.#session = {
      clock: options.clock,
      // lines that handlers log themselves are not summed up
      logger: countRepeats(options.logger, options.clock),
      // the runtime refuses requests past the limit, over all connections; this limit is for their later events
      maxInFlight: Math.max(1024, maxConcurrentRequests),
      maxRetained: Math.min(MAX_RETAINED_PER_SESSION, maxTrackedRequests),
      requestStateTtlMs,
      drainTimeoutMs: options.drainTimeoutMs,
      ...(options.keepalive !== undefined && { keepalive: options.keepalive }),
    };
  }

  async start(): Promise<void> {
    const { transports, listen, reverse, signals, clock } = this.#options;
    // all addresses are checked before anything is bound
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
    if (reverse.length > 0) this.#letProcessEnd = keepProcessAlive();
    const dial = { ...this.#options, session: this.#session };
    this.#dialed = Promise.all(
      reverse.map((one) => dialProxy(this.#agent, one, dial, this.#dialing.signal, this.#open)),
    );
    this.#reports.start(clock);
    if (signals) this.#removeSignals = drainOnSignals(this, () => this.#abort());
  }

  readonly #open = (connection: Connection, onEnd?: () => void): ConnectionHandler => {
    const session = this.#runtime.open(connection, this.#session, onEnd);
    this.#reports.greet(session, this.#draining !== undefined);
    return session;
  };

  #listen(transport: Transport, address: string): Promise<Listener> {
    const { handshakeTimeoutMs, authorize } = this.#options;
    return transport.listen(address, {
      self: announce(this.#agent),
      onConnection: this.#open,
      ...(handshakeTimeoutMs !== undefined && { handshakeTimeoutMs }),
      ...(authorize !== undefined && { authorize }),
    });
  }

  get endpoints(): readonly string[] {
    return this.#listeners.map((listener) => listener.address);
  }

  get stats(): AgentStats {
    const { sessions, limiter, calls, scopes } = this.#runtime;
    const { allow, block, redirect, challenge, ...rest } = calls.outcomes.counts;
    return {
      connections: sessions.size,
      running: limiter.undecided,
      paused: limiter.paused,
      draining: this.#draining !== undefined,
      ...rest,
      decisions: { allow, block, redirect, challenge },
      tracked: scopes.tracked,
    };
  }

  report(report: AgentReport): void {
    this.#reports.set(report);
    this.#reports.send(this.#draining !== undefined);
  }

  requestConfig(
    update: ConfigUpdate,
    options: { readonly timeoutMs?: number | undefined } = {},
  ): Promise<ConfigReply[]> {
    return this.#runtime.configRequests.ask(update, options.timeoutMs ?? 10_000);
  }

  drain(options: { readonly timeoutMs?: number | undefined } = {}): Promise<void> {
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
    const { sessions, limiter } = this.#runtime;
    const until = clock.now() + timeoutMs;
    this.#dialing.abort(new AgentwireError('ERR_DRAINING', 'the agent drains'));
    await Promise.all(this.#listeners.map((listener) => listener.close()));
    for (const session of sessions)
      notifyProxy(session, { type: 'drain', durationMs: timeoutMs }, this.#options.logger);
    this.#reports.send(true);
    // a session does not wait for a handler between two chunks of a body
    await atMost(clock, timeoutMs, limiter.whenIdle());
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
      // a proxy that knows no drain would go on sending requests to a connection without answers
      [...this.#runtime.sessions].map((session) =>
        session.connection.peer.dialect === 'zentinel' ? session.drain({ timeoutMs }) : session.close(),
      ),
    );
    await this.#dialed;
    this.#letProcessEnd?.();
    this.#runtime.stop();
  }

  #stop(): void {
    this.#removeSignals?.();
    this.#reports.stop();
    this.#dialing.abort(new AgentwireError('ERR_CLOSED', 'the agent was closed'));
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
