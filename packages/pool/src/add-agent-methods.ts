import {
  AgentwireError,
  type Capabilities,
  type ClientTls,
  type Connection,
  type ConnectionHandler,
  type Hello,
  parseEndpoint,
  type Transport,
} from '@agentwire/core';
import { agentIdOf, checkMethods, checkObject, checkText } from '@agentwire/core/internal';
import type { AddAgentOptions } from './agent-table.ts';
import { withAgentTls } from './agent-tls.ts';
import { ConfigMethods } from './config-methods.ts';
import { findTransport } from './find-transport.ts';

/** Methods that add agents to a pool, and remove them. */
export abstract class AddAgentMethods extends ConfigMethods {
  /** Transports to dial with, and what the pool says of itself. */
  protected abstract readonly dialling: { readonly transports: readonly Transport[]; readonly self: Hello };

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
    const stock = findTransport(this.dialling.transports, scheme, endpoint);
    const transport = tls === undefined ? stock : await withAgentTls(stock, tls);
    const { connections } = this.agentTable.add(name, address, options);
    const { token } = options;
    await connections.connect(
      transport,
      address,
      token === undefined ? this.dialling.self : { ...this.dialling.self, token },
    );
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
    this.agentTable.add(name, `reverse:${name}`, options);
  }

  /** Returns whether the pool has an agent of that name. */
  has(name: string): boolean {
    return this.agentTable.has(name);
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
    return this.agentTable.getOrAdd(name, options).connections.adopt(connection);
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
    return this.agentTable.remove(name);
  }
}
