import {
  checkKnownOptions,
  DEFAULT_CAPABILITIES,
  FEATURES,
  parseEndpoint,
  type CancelReason,
  type Capabilities,
  type Decision,
  type Peer,
  type RequestBodyChunk,
  type RequestHeaders,
  type RequestId,
  type ResponseBodyChunk,
  type ResponseHeaders,
} from '@agentwire/core';
import {
  connectSession,
  type AskOptions,
  type Completion,
  type ProxySession,
  type ProxySessionOptions,
} from '@agentwire/core/session';
import { createGrpcTransport } from '../grpc-transport.ts';
import type { GrpcTlsOptions, GrpcTransportOptions } from '../options.ts';
import { OpenRequests } from './open-requests.ts';

/** Options of {@link AgentClientV2.connect}: the session's, and who this proxy is. */
export interface AgentClientV2Options extends ProxySessionOptions {
  /** Name of this proxy in the handshake; default `agentwire`. */
  readonly name?: string | undefined;
  /** Version of this proxy in the handshake, for logs; default empty. */
  readonly version?: string | undefined;
  /** Optional features to offer; default all of core's `FEATURES`. */
  readonly features?: readonly string[] | undefined;
  /** Secret for an agent that asks for one; default none. */
  readonly token?: string | undefined;
  /** Deadline for dialling and handshake together, in milliseconds; default 10 000. */
  readonly handshakeTimeoutMs?: number | undefined;
  /** Ends the attempt with `ERR_ABORTED`; without effect once connected. */
  readonly signal?: AbortSignal | undefined;
}

/** An event as a caller writes it: `id` is the caller's own name for the request and does not travel. */
export type GrpcClientEvent<Event extends { readonly type: string }> = Omit<Event, 'type'>;

const OPTION_KEYS: Readonly<Record<keyof AgentClientV2Options, true>> = {
  clock: true,
  features: true,
  handshakeTimeoutMs: true,
  keepalive: true,
  logger: true,
  maxInFlight: true,
  name: true,
  onClose: true,
  onNotice: true,
  onOutcome: true,
  requestTimeoutMs: true,
  signal: true,
  token: true,
  version: true,
};

/**
 * A client for one agent over gRPC, without a pool: one connection, no reconnect. Take `@agentwire/pool` for several
 * connections, balancing and failure policy.
 *
 * A request begins with {@link sendRequestHeaders} and is over after {@link completeRequest}, {@link endRequest} or
 * {@link cancelRequest}, an answer that is not allow, or a deadline.
 */
export class AgentClientV2 implements AsyncDisposable {
  /** What is underneath, for everything that this class does not show. */
  readonly session: ProxySession;
  readonly #requests: OpenRequests;

  private constructor(session: ProxySession) {
    this.session = session;
    this.#requests = new OpenRequests(session);
  }

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
    const { target } = parseEndpoint(endpoint);
    return AgentClientV2.#connect(`grpcs://${target}`, { tls }, options);
  }

  static async #connect(
    endpoint: string,
    transport: GrpcTransportOptions,
    options: AgentClientV2Options,
  ): Promise<AgentClientV2> {
    checkKnownOptions('AgentClientV2.connect', options, Object.keys(OPTION_KEYS));
    const { name, version, features, token, clock, logger } = options;
    const self = {
      role: 'proxy' as const,
      name: name ?? 'agentwire',
      version: version ?? '',
      features: features ?? FEATURES,
      encodings: [],
      token,
    };
    const session = await connectSession(createGrpcTransport({ ...transport, clock, logger }), endpoint, {
      ...options,
      self,
    });
    return new AgentClientV2(session);
  }

  /** What was agreed with the agent. */
  get peer(): Peer {
    return this.session.connection.peer;
  }

  /** What the agent said it can do. */
  get capabilities(): Capabilities {
    return this.peer.capabilities ?? DEFAULT_CAPABILITIES;
  }

  /** Requests that are not over. */
  get liveRequests(): number {
    return this.#requests.size;
  }

  /** Begins a request. @throws AgentwireError what `Exchange.ask` throws, and `ERR_DUPLICATE_REQUEST`. */
  sendRequestHeaders({ id, ...event }: GrpcClientEvent<RequestHeaders>, options?: AskOptions): Promise<Decision> {
    return this.#requests.first(id, { type: 'requestHeaders', ...event }, options);
  }

  /** Sends a piece of the request's body. @throws AgentwireError what `Exchange.ask` throws, and `ERR_INVALID_STATE`. */
  sendRequestBodyChunk({ id, ...event }: GrpcClientEvent<RequestBodyChunk>, options?: AskOptions): Promise<Decision> {
    return this.#requests.next(id, { type: 'requestBodyChunk', ...event }, options);
  }

  /** Sends the head of the response. @throws like {@link sendRequestBodyChunk}. */
  sendResponseHeaders({ id, ...event }: GrpcClientEvent<ResponseHeaders>, options?: AskOptions): Promise<Decision> {
    return this.#requests.next(id, { type: 'responseHeaders', ...event }, options);
  }

  /** Sends a piece of the response's body. @throws like {@link sendRequestBodyChunk}. */
  sendResponseBodyChunk({ id, ...event }: GrpcClientEvent<ResponseBodyChunk>, options?: AskOptions): Promise<Decision> {
    return this.#requests.next(id, { type: 'responseBodyChunk', ...event }, options);
  }

  /** Ends a request and tells the agent how, where it wants to know. An id that is over does nothing. */
  completeRequest(id: RequestId, summary: Completion): void {
    this.#requests.take(id)?.complete(summary);
  }

  /** Ends a request without a word. An id that is over does nothing. */
  endRequest(id: RequestId): void {
    this.#requests.take(id)?.end();
  }

  /** Tells the agent to stop; unanswered questions reject with `ERR_ABORTED`. An id that is over does nothing. */
  cancelRequest(id: RequestId, reason?: CancelReason): void {
    this.#requests.take(id)?.cancel(reason);
  }

  /** Gives every request up. */
  cancelAll(reason?: CancelReason): void {
    this.session.cancelAll(reason);
  }

  /** Sends what is buffered, then ends; unanswered questions reject with `ERR_CLOSED`. Idempotent. */
  close(): Promise<void> {
    return this.session.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
