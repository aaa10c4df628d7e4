import {
  AgentwireError,
  type Clock,
  type Connection,
  type ConnectionHandler,
  FEATURES,
  type Hello,
  type Listener,
  type Logger,
  parseEndpoint,
  systemClock,
  type Transport,
} from '@agentwire/core';
import { agentIdOf, countRepeats, markLogged, printable, silentLogger } from '@agentwire/core/internal';
import { Backlog } from './backlog.ts';
import { ConnectionCounts } from './connection-counts.ts';
import { checkConfig, chooseTransport, type ReverseConnectionConfig } from './options.ts';
import { type Registration, registrationOf } from './registration.ts';
import { RegistrationCheck } from './registration-check.ts';
import { ReverseClient } from './reverse-client.ts';

/** Receiver of registered connections: an `AgentPool`, or anything with its method `adopt`. */
export interface ConnectionTarget {
  /**
   * Takes over a connection before its agent is told that it is accepted.
   *
   * @returns the handler of the connection; a throw refuses the agent with the error's message
   */
  adopt(connection: Connection, name: string): ConnectionHandler;
}

/**
 * Listener for agents that connect by themselves, for example from behind NAT. It decides who may register and how many connections each
 * agent may have, then hands them to a pool: with {@link acceptLoop}, or one by one with {@link accept}.
 */
export class ReverseConnectionListener implements AsyncDisposable {
  readonly #config: ReverseConnectionConfig;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #check: RegistrationCheck;
  readonly #counts: ConnectionCounts;
  readonly #backlog: Backlog;
  readonly #closed: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  #listener: Listener | undefined;
  #target: ConnectionTarget | undefined;
  #isClosed = false;

  private constructor(config: ReverseConnectionConfig, scheme: string) {
    checkConfig(config, scheme);
    this.#config = config;
    this.#clock = config.clock ?? systemClock;
    this.#logger = countRepeats(config.logger ?? silentLogger, this.#clock);
    this.#counts = new ConnectionCounts(config.maxConnectionsPerAgent ?? 4, this.#logger);
    this.#backlog = new Backlog(config.backlog ?? 64);
    this.#check = new RegistrationCheck(config, this.#clock, this.#logger);
  }

  /**
   * Listens on an address of any scheme that agents may dial: `unix:PATH`, `tcp://HOST:PORT`, `tls://HOST:PORT`…
   *
   * @throws AgentwireError `ERR_INVALID_ARGUMENT` for a wrong option, and where any process could register; `ERR_INVALID_ADDRESS`,
   * `ERR_CONNECT` as `Transport.listen` does
   */
  static async bind(address: string, config: ReverseConnectionConfig): Promise<ReverseConnectionListener> {
    const { scheme, address: full } = parseEndpoint(address);
    const listener = new ReverseConnectionListener(config, scheme);
    const transport = chooseTransport(config.transports, scheme);
    await listener.#listen(transport, full);
    return listener;
  }

  /** Listens on a Unix socket; see {@link bind}. */
  static bindUds(path: string, config: ReverseConnectionConfig): Promise<ReverseConnectionListener> {
    return this.bind(path.startsWith('unix:') ? path : `unix:${path}`, config);
  }

  /** Listens on TCP, or with `tls://` on TLS; see {@link bind}. @param address `HOST:PORT`, `tcp://HOST:PORT` or `tls://HOST:PORT` */
  static bindTcp(address: string, config: ReverseConnectionConfig): Promise<ReverseConnectionListener> {
    return this.bind(address.includes('://') ? address : `tcp://${address}`, config);
  }

  /** Bound address, with the real port. */
  get address(): string {
    return this.#listener?.address ?? '';
  }

  /** Open registered connections of all agents. */
  get connectionCount(): number {
    return this.#listener?.connectionCount ?? 0;
  }

  /** Open registered connections by agent id. */
  get connectionsByAgent(): ReadonlyMap<string, number> {
    return this.#counts.byAgent;
  }

  /**
   * Resolves with the next registered connection and its registration. The agent has been told by then that it is accepted.
   *
   * @throws AgentwireError `ERR_CLOSED` once the listener is closed, `ERR_ABORTED` when `signal` is aborted, `ERR_INVALID_STATE` while
   * {@link acceptLoop} runs
   */
  async accept(
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<[client: ReverseClient, registration: Registration]> {
    for (;;) {
      if (this.#target !== undefined && !this.#isClosed)
        throw new AgentwireError('ERR_INVALID_STATE', 'acceptLoop() takes the connections of this listener');
      const client = this.#backlog.take();
      if (client !== undefined) return [client, registrationOf(client.connection)];
      if (this.#isClosed) throw new AgentwireError('ERR_CLOSED', 'the listener is closed');
      await this.#backlog.arrival(options.signal);
    }
  }

  /**
   * Hands every registered connection to `target`, which is asked before the agent is told that it is accepted. Connections that waited
   * for {@link accept} are handed over first.
   *
   * @returns a promise that resolves when the listener is closed
   * @throws AgentwireError `ERR_INVALID_STATE` the second time
   */
  async acceptLoop(target: ConnectionTarget): Promise<void> {
    if (this.#target !== undefined) throw new AgentwireError('ERR_INVALID_STATE', 'acceptLoop() runs already');
    this.#target = target;
    for (let client = this.#backlog.take(); client !== undefined; client = this.#backlog.take()) {
      try {
        client.handOver((connection) => this.#adopt(target, connection, agentIdOf(connection.peer)));
      } catch {
        // it was logged, and the connection is over
      }
    }
    this.#backlog.wake();
    await this.#closed.promise;
  }

  /** Stops listening and ends connections that were not accepted; those handed over live on. Idempotent. */
  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#backlog.wake();
      await Promise.all([this.#listener?.close(), this.#backlog.close()]);
      this.#closed.resolve();
    }
    await this.#closed.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #listen(transport: Transport, address: string): Promise<void> {
    const { proxy, handshakeTimeoutMs, maxPendingHandshakes, maxConnections } = this.#config;
    const self: Hello = {
      role: 'proxy',
      name: proxy?.name ?? 'agentwire',
      version: proxy?.version ?? '0',
      features: FEATURES,
      encodings: ['msgpack', 'json'],
    };
    this.#listener = await transport.listen(address, {
      self,
      authorize: (peer, credential, signal) => this.#check.authorize(agentIdOf(peer), credential, signal),
      refusalDelayMs: (refusal, from) => this.#check.delayMs(refusal, from),
      onConnection: (connection) => this.#onConnection(connection),
      handshakeTimeoutMs,
      maxPendingHandshakes,
      maxConnections,
    });
  }

  #onConnection(connection: Connection): ConnectionHandler {
    const id = agentIdOf(connection.peer);
    this.#refuseFull(id, this.#counts.full(id));
    let handler: ConnectionHandler;
    if (this.#target === undefined) {
      this.#refuseFull(id, this.#backlog.full());
      const client = new ReverseClient(connection, (gone) => this.#backlog.delete(gone));
      this.#backlog.add(client);
      handler = client.handler();
    } else handler = this.#adopt(this.#target, connection, id);
    this.#backlog.wake();
    return this.#counts.enter(id, handler);
  }

  #adopt(target: ConnectionTarget, connection: Connection, id: string): ConnectionHandler {
    try {
      return target.adopt(connection, id);
    } catch (error) {
      this.#logger.warn({ agent: printable(id), err: error }, 'a registered agent was not taken');
      throw error instanceof Error ? markLogged(error) : error;
    }
  }

  #refuseFull(id: string, why: string | undefined): void {
    if (why === undefined) return;
    this.#logger.warn({ agent: printable(id) }, why);
    throw markLogged(new AgentwireError('ERR_OVERLOADED', why));
  }
}
