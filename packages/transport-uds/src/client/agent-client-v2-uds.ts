import {
  checkKnownOptions,
  DEFAULT_CAPABILITIES,
  FEATURES,
  type CancelReason,
  type Capabilities,
  type Decision,
  type Hello,
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
import type { Filled, StreamOptions } from '../options.ts';
import { createUdsTransport } from '../uds-transport.ts';
import type { BinaryRequestBodyChunk } from './binary-request-body-chunk.ts';
import { LiveRequests } from './live-requests.ts';

/** Options of {@link AgentClientV2Uds.connect}: the session's, the transport's, and who this proxy is. */
export interface AgentClientV2UdsOptions
  extends ProxySessionOptions, Pick<StreamOptions, 'dialect' | 'closeTimeoutMs'> {
  /** Name of this proxy in the handshake; default `agentwire`. */
  readonly name?: string | undefined;
  /** Version of this proxy in the handshake, for logs; default empty. */
  readonly version?: string | undefined;
  /** Optional features to offer; default all of core's `FEATURES`. */
  readonly features?: readonly string[] | undefined;
  /** Encodings to offer, the best one first; default MessagePack, then JSON. */
  readonly encodings?: readonly string[] | undefined;
  /** Secret for an agent that asks for one; default none. */
  readonly token?: string | undefined;
  /** Deadline for dialling and handshake together, in milliseconds; default 10 000. */
  readonly handshakeTimeoutMs?: number | undefined;
  /** Ends the attempt with `ERR_ABORTED`; without effect once connected. */
  readonly signal?: AbortSignal | undefined;
}

/** An event as a caller writes it: `id` is the caller's own name for the request and does not travel. */
export type ClientEvent<Event extends { readonly type: string }> = Omit<Event, 'type'>;

const OPTION_KEYS: Filled<Record<keyof AgentClientV2UdsOptions, true>> = {
  clock: true,
  closeTimeoutMs: true,
  dialect: true,
  encodings: true,
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

function helloOf({ name, version, features, encodings, token }: AgentClientV2UdsOptions): Hello {
  return {
    role: 'proxy',
    name: name ?? 'agentwire',
    version: version ?? '',
    features: features ?? FEATURES,
    encodings: encodings ?? ['msgpack', 'json'],
    token,
  };
}

/**
 * A client for one agent on a Unix socket, without a pool: one connection, no reconnect. Pools are built on the same
 * session; take `@agentwire/pool` for several connections, balancing and failure policy.
 *
 * A request begins with {@link sendRequestHeaders} and is live until {@link completeRequest}, {@link endRequest} or
 * {@link cancelRequest}, until an answer that is not allow, or until a deadline passes.
 */
export class AgentClientV2Uds implements AsyncDisposable {
  /** What is underneath, for everything that this class does not show. */
  readonly session: ProxySession;
  readonly #requests: LiveRequests;

  private constructor(session: ProxySession) {
    this.session = session;
    this.#requests = new LiveRequests(session);
  }

  /**
   * Connects to the agent that listens at `path` and does the handshake.
   *
   * @param path of the socket, at most 107 bytes; `unix:PATH` is the same
   * @throws AgentwireError `ERR_CONNECT`, `ERR_TIMEOUT`, `ERR_ABORTED`, `ERR_REFUSED`, `ERR_VERSION_MISMATCH`,
   * `ERR_PROTOCOL`, `ERR_INVALID_ADDRESS`, `ERR_INVALID_ARGUMENT`.
   */
  static async connect(path: string, options: AgentClientV2UdsOptions = {}): Promise<AgentClientV2Uds> {
    checkKnownOptions('AgentClientV2Uds.connect', options, Object.keys(OPTION_KEYS));
    const { dialect, closeTimeoutMs, clock, logger } = options;
    const transport = createUdsTransport({ dialect, closeTimeoutMs, clock, logger });
    const address = path.startsWith('unix:') ? path : `unix:${path}`;
    return new AgentClientV2Uds(await connectSession(transport, address, { ...options, self: helloOf(options) }));
  }

  /** What was agreed with the agent. */
  get peer(): Peer {
    return this.session.connection.peer;
  }

  /** What the agent said it can do. */
  get capabilities(): Capabilities {
    return this.peer.capabilities ?? DEFAULT_CAPABILITIES;
  }

  /** Requests that are live. */
  get liveRequests(): number {
    return this.#requests.size;
  }

  /**
   * Begins a request.
   *
   * @throws AgentwireError what `Exchange.ask` of the session throws, and `ERR_DUPLICATE_REQUEST` for the id of a live request.
   */
  sendRequestHeaders(headers: ClientEvent<RequestHeaders>, options?: AskOptions): Promise<Decision> {
    const { id, ...rest } = headers;
    return this.#requests.begin(id, { type: 'requestHeaders', ...rest }, options);
  }

  /** Sends a piece of a live request's body. @throws AgentwireError also `ERR_INVALID_STATE` for an id that is not live. */
  sendRequestBodyChunk(chunk: ClientEvent<RequestBodyChunk>, options?: AskOptions): Promise<Decision> {
    const { id, ...rest } = chunk;
    return this.#requests.next(id, { type: 'requestBodyChunk', ...rest }, options);
  }

  /** The same as {@link sendRequestBodyChunk}, which never makes text of bytes either; named as the documents do. */
  sendRequestBodyChunkBinary(chunk: BinaryRequestBodyChunk, options?: AskOptions): Promise<Decision> {
    return this.sendRequestBodyChunk(chunk, options);
  }

  /** Sends the head of the upstream's response to a live request. @throws like {@link sendRequestBodyChunk}. */
  sendResponseHeaders(headers: ClientEvent<ResponseHeaders>, options?: AskOptions): Promise<Decision> {
    const { id, ...rest } = headers;
    return this.#requests.next(id, { type: 'responseHeaders', ...rest }, options);
  }

  /** Sends a piece of the response's body of a live request. @throws like {@link sendRequestBodyChunk}. */
  sendResponseBodyChunk(chunk: ClientEvent<ResponseBodyChunk>, options?: AskOptions): Promise<Decision> {
    const { id, ...rest } = chunk;
    return this.#requests.next(id, { type: 'responseBodyChunk', ...rest }, options);
  }

  /** Ends a request and tells the agent how, where it wants to know. An id that is not live does nothing. */
  completeRequest(id: RequestId, summary: Completion): void {
    this.#requests.take(id)?.complete(summary);
  }

  /** Ends a request without a word. An id that is not live does nothing. */
  endRequest(id: RequestId): void {
    this.#requests.take(id)?.end();
  }

  /** Tells the agent to stop; unanswered questions reject with `ERR_ABORTED`. An id that is not live does nothing. */
  cancelRequest(id: RequestId, reason?: CancelReason): void {
    this.#requests.take(id)?.cancel(reason);
  }

  /** Gives every request up. */
  cancelAll(reason?: CancelReason): void {
    this.#requests.cancelAll(reason);
  }

  /** Resolves to the round trip in milliseconds. @throws AgentwireError `ERR_TIMEOUT`, `ERR_CLOSED`. */
  ping(options?: { readonly timeoutMs?: number }): Promise<number> {
    return this.session.ping(options);
  }

  /** Sends what is buffered, then ends; unanswered questions reject with `ERR_CLOSED`. Idempotent. */
  close(): Promise<void> {
    return this.session.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
