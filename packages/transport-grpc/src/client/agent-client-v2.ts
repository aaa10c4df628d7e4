import { parseEndpoint } from '@agentwire/core';
import { checkOptions } from '@agentwire/core/internal';
import { connectSession, SessionClient, type SessionClientOptions } from '@agentwire/core/session';
import { clientHello, SESSION_CLIENT_TABLE } from '@agentwire/core/session/internal';
import { createGrpcTransport } from '../grpc-transport.ts';
import type { GrpcTlsOptions, GrpcTransportOptions } from '../options.ts';

/** Options of {@link AgentClientV2.connect}. */
export type AgentClientV2Options = SessionClientOptions;

/** A client for one agent over gRPC, without a pool; take `@agentwire/pool` for more than one connection. */
export class AgentClientV2 extends SessionClient {
  /**
   * Connects to the agent at `endpoint`, `HOST:PORT` or `grpc://HOST:PORT`, and does the handshake.
   *
   * @throws AgentwireError what `Transport.connect` throws, and `ERR_INVALID_ARGUMENT` for an unknown option.
   */
  static connect(endpoint: string, options: AgentClientV2Options = {}): Promise<AgentClientV2> {
    return AgentClientV2.#connect(endpoint, {}, options);
  }

  /** As {@link connect} over TLS; `HOST:PORT` is enough here, too. */
  static async connectWithTls(
    endpoint: string,
    tls: GrpcTlsOptions,
    options: AgentClientV2Options = {},
  ): Promise<AgentClientV2> {
    return AgentClientV2.#connect(`grpcs://${parseEndpoint(endpoint).target}`, { tls }, options);
  }

  static async #connect(
    endpoint: string,
    transport: GrpcTransportOptions,
    options: AgentClientV2Options,
  ): Promise<AgentClientV2> {
    checkOptions('AgentClientV2.connect', options, SESSION_CLIENT_TABLE);
    const { clock, logger } = options;
    const grpc = createGrpcTransport({ ...transport, clock, logger });
    return new AgentClientV2(await connectSession(grpc, endpoint, { ...options, self: clientHello(options) }));
  }
}
