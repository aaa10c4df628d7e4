import {
  AgentwireError,
  type Clock,
  type Connection,
  type ConnectionHandler,
  type Credential,
  FEATURES,
  type Hello,
  type Listener,
  type Logger,
  parseEndpoint,
  systemClock,
  type Transport,
} from '@agentwire/core';
import { agentIdOf, countRepeats, printable, silentLogger } from '@agentwire/core/internal';
import { certificateNames } from './certificate-names.ts';
import { idMatcher } from './id-pattern.ts';
import { KnownTokens } from './known-tokens.ts';
import { checkConfig, type ReverseConnectionConfig } from './options.ts';
import { Refusals } from './refusals.ts';
import { type Registration, registrationOf } from './registration.ts';
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
  readonly #tokens: KnownTokens | undefined;
  readonly #isAllowed: (id: string) => boolean;
  readonly #needsProof: boolean;
  readonly #refusals: Refusals;
  readonly #counts = new Map<string, number>();
  readonly #waiting = new Set<ReverseClient>();
  readonly #acceptors = new Set<() => void>();
  readonly #closed: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  #listener: Listener | undefined;
  #target: ConnectionTarget | undefined;
  #isClosed = false;

  private constructor(config: ReverseConnectionConfig, scheme: string) {
    checkConfig(config, scheme);
    this.#config = config;
    this.#clock = config.clock ?? systemClock;
    this.#logger = countRepeats(config.logger ?? silentLogger, this.#clock);
    this.#tokens = config.tokens && new KnownTokens(config.tokens);
    this.#isAllowed = config.allowedAgents === undefined ? () => true : idMatcher(config.allowedAgents);
    const { tokens, verifyToken } = config;
    this.#needsProof = config.requireAuth ?? (tokens !== undefined || verifyToken !== undefined);
    this.#refusals = new Refusals(this.#clock, config.refusalDelayMs ?? 100, (config.handshakeTimeoutMs ?? 10_000) / 2);
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
    const usable = ({ schemes, dials }: Transport): boolean => schemes.includes(scheme) && dials.includes('agent');
    const transport = config.transports.find(usable);
    if (transport === undefined) {
      const known = config.transports.filter(({ dials }) => dials.includes('agent')).flatMap(({ schemes }) => schemes);
      throw new AgentwireError(
        'ERR_INVALID_ADDRESS',
        `agents cannot register over ${scheme}: the transports that were given serve ${known.join(', ') || 'no reverse connections'}`,
      );
    }
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
    return new Map(this.#counts);
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
      const [client] = this.#waiting;
      if (client !== undefined) {
        this.#waiting.delete(client);
        return [client, registrationOf(client.connection)];
      }
      if (this.#isClosed) throw new AgentwireError('ERR_CLOSED', 'the listener is closed');
      await this.#arrival(options.signal);
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
    for (const client of this.#waiting) {
      this.#waiting.delete(client);
      try {
        client.handOver((connection) => target.adopt(connection, agentIdOf(connection.peer)));
      } catch (error) {
        this.#logger.warn(
          { agent: printable(agentIdOf(client.connection.peer)), err: error },
          'a registered agent was not taken',
        );
      }
    }
    for (const wake of this.#acceptors) wake();
    await this.#closed.promise;
  }

  /** Stops listening and ends connections that were not accepted; those handed over live on. Idempotent. */
  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      for (const wake of this.#acceptors) wake();
      const waiting = [...this.#waiting].map((client) => client.connection.close());
      await Promise.all([this.#listener?.close(), ...waiting]);
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
      authorize: (peer, credential, signal) => this.#authorize(agentIdOf(peer), credential, signal),
      onConnection: (connection) => this.#onConnection(connection),
      handshakeTimeoutMs,
      maxPendingHandshakes,
      maxConnections,
    });
  }

  async #authorize(id: string, credential: Credential, signal: AbortSignal): Promise<void> {
    const since = this.#clock.now();
    // everything is checked whatever fails first, so that a refusal's duration tells nothing
    const allowed = this.#isAllowed(id) && printable(id) === id;
    const proven = await this.#isProven(id, credential, signal);
    const named = this.#config.certificateIds !== true || certificateNames(credential.certificate).has(id);
    if (allowed && proven && named) return;
    const { address } = credential;
    const reasons = [
      !allowed && 'no agent of this id may register here',
      !proven && 'its token is not valid for this id',
      !named && 'its certificate does not name this id',
    ].filter((reason) => reason !== false);
    this.#logger.warn({ agent: printable(id), address }, `a registration was refused: ${reasons.join(', ')}`);
    await this.#refusals.wait(address, since, signal);
    throw new AgentwireError('ERR_UNAUTHORIZED', 'this agent may not register here: wrong id or credential');
  }

  async #isProven(id: string, { token, certificate, address }: Credential, signal: AbortSignal): Promise<boolean> {
    const known = this.#tokens?.prove(id, token) ?? false;
    const { verifyToken } = this.#config;
    if (verifyToken === undefined) return known || !this.#needsProof;
    try {
      // a JavaScript function may resolve with anything
      const verified: unknown = await verifyToken(id, token ?? '', { certificate, address, signal });
      return verified === true || known;
    } catch (error) {
      this.#logger.warn({ agent: printable(id), err: error }, 'verifyToken failed');
      return known;
    }
  }

  #onConnection(connection: Connection): ConnectionHandler {
    const id = agentIdOf(connection.peer);
    const count = this.#counts.get(id) ?? 0;
    const max = this.#config.maxConnectionsPerAgent ?? 4;
    if (count >= max)
      throw this.#full(
        id,
        `agent ${JSON.stringify(id)} has ${count} connections, the limit is ${max} (maxConnectionsPerAgent)`,
      );
    let handler: ConnectionHandler;
    if (this.#target === undefined) {
      const backlog = this.#config.backlog ?? 64;
      if (this.#waiting.size >= backlog)
        throw this.#full(id, `${backlog} registered connections wait already (backlog)`);
      const client = new ReverseClient(connection, (gone) => void this.#waiting.delete(gone));
      this.#waiting.add(client);
      handler = client.handler();
    } else handler = this.#adopt(this.#target, connection, id);
    this.#counts.set(id, count + 1);
    this.#logger.info({ agent: printable(id), connections: count + 1, of: max }, 'an agent registered');
    for (const wake of this.#acceptors) wake();
    return this.#counted(handler, id);
  }

  #adopt(target: ConnectionTarget, connection: Connection, id: string): ConnectionHandler {
    try {
      return target.adopt(connection, id);
    } catch (error) {
      this.#logger.warn({ agent: printable(id), err: error }, 'a registered agent was not taken');
      throw error;
    }
  }

  #full(id: string, message: string): AgentwireError {
    this.#logger.warn({ agent: printable(id) }, message);
    return new AgentwireError('ERR_OVERLOADED', message);
  }

  /** Handler that also frees the agent's slot when the connection ends. */
  #counted(handler: ConnectionHandler, id: string): ConnectionHandler {
    return {
      onMessage: (message, encoded) => handler.onMessage(message, encoded),
      ...(handler.onDrain !== undefined && { onDrain: () => handler.onDrain?.() }),
      ...(handler.onPeerEnd !== undefined && { onPeerEnd: () => handler.onPeerEnd?.() }),
      onClose: (reason) => {
        const left = (this.#counts.get(id) ?? 1) - 1;
        if (left === 0) this.#counts.delete(id);
        else this.#counts.set(id, left);
        this.#logger.info(
          { agent: printable(id), connections: left, code: reason.error?.code },
          'a registered agent left',
        );
        handler.onClose(reason);
      },
    };
  }

  async #arrival(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void =>
      reject(new AgentwireError('ERR_ABORTED', 'accept() was aborted', { cause: signal?.reason }));
    const wake = (): void => resolve();
    if (signal?.aborted === true) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#acceptors.add(wake);
    try {
      await promise;
    } finally {
      this.#acceptors.delete(wake);
      signal?.removeEventListener('abort', onAbort);
    }
  }
}
