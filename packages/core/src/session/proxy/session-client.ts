import { type Capabilities, capabilitiesOf } from '../../contract/capabilities.ts';
import type { Hello, Peer } from '../../contract/peer.ts';
import { FEATURES } from '../../contract/peer.ts';
import type { CancelReason } from '../../message/control.ts';
import type { Decision } from '../../message/decision.ts';
import type {
  RequestBodyChunk,
  RequestHeaders,
  RequestId,
  ResponseBodyChunk,
  ResponseHeaders,
} from '../../message/events.ts';
import { OPTION, type OptionTable } from '../../option-table.ts';
import type { AskOptions, Completion } from './exchange.ts';
import { LiveRequests } from './live-requests.ts';
import { PROXY_SESSION_TABLE, type ProxySession, type ProxySessionOptions } from './proxy-session.ts';

/** Options of a client: the session's, and the identity of this proxy. */
export interface SessionClientOptions extends ProxySessionOptions {
  /** Name of this proxy in the handshake; default `agentwire`. */
  readonly name?: string | undefined;
  /** Version of this proxy in the handshake, for logs; default empty. */
  readonly version?: string | undefined;
  /** Optional features to offer; default all of core's `FEATURES`. */
  readonly features?: readonly string[] | undefined;
  /** Encodings to offer, in order of preference; default MessagePack, then JSON. Without effect over gRPC. */
  readonly encodings?: readonly string[] | undefined;
  /** Secret for an agent that asks for one, 1 to 16 384 visible ASCII characters; default none. */
  readonly token?: string | undefined;
  /** Deadline for dialling and handshake together, in milliseconds; default 10 000. */
  readonly handshakeTimeoutMs?: number | undefined;
  /** Ends the attempt with `ERR_ABORTED`; without effect once connected. */
  readonly signal?: AbortSignal | undefined;
}

/** Table of {@link SessionClientOptions}. */
export const SESSION_CLIENT_TABLE: OptionTable<SessionClientOptions> = {
  ...PROXY_SESSION_TABLE,
  name: OPTION.text,
  version: OPTION.string,
  features: OPTION.listOf(OPTION.text),
  encodings: OPTION.listOf(OPTION.oneOf('json', 'msgpack')),
  token: OPTION.token,
  handshakeTimeoutMs: OPTION.integer(1, 86_400_000),
  signal: OPTION.signal,
};

/** Creates the handshake of a client. */
export function clientHello({ name, version, features, encodings, token }: SessionClientOptions): Hello {
  return {
    role: 'proxy',
    name: name ?? 'agentwire',
    version: version ?? '',
    features: features ?? FEATURES,
    encodings: encodings ?? ['msgpack', 'json'],
    token,
  };
}

/** Event as a caller writes it: `id` is the caller's own name for the request and is not sent. */
export type ClientEvent<Event extends { readonly type: string }> = Omit<Event, 'type'>;

/**
 * Client for one agent, without a pool: one connection, no reconnect, the same on every transport. The clients of the
 * transports (`AgentClientV2`, `AgentClientV2Uds`) extend it with a `connect`.
 *
 * A request begins with {@link sendRequestHeaders} and is live until {@link completeRequest}, {@link endRequest} or
 * {@link cancelRequest}, until an answer that is not allow, or until a deadline passes.
 */
export class SessionClient implements AsyncDisposable {
  /** Session of the connection, for everything that this class does not offer. */
  readonly session: ProxySession;
  readonly #requests: LiveRequests;

  constructor(session: ProxySession) {
    this.session = session;
    this.#requests = new LiveRequests(session);
  }

  /** Result of the handshake with the agent. */
  get peer(): Peer {
    return this.session.connection.peer;
  }

  /** Capabilities of the agent. */
  get capabilities(): Capabilities {
    return capabilitiesOf(this.peer.capabilities);
  }

  /** Requests that are live. */
  get liveRequests(): number {
    return this.#requests.size;
  }

  /**
   * Begins a request. A request that fails here is not live.
   *
   * @throws AgentwireError as `Exchange.ask` of the session, and `ERR_DUPLICATE_REQUEST` for the id of a live request
   */
  sendRequestHeaders(headers: ClientEvent<RequestHeaders>, options?: AskOptions): Promise<Decision> {
    const { id, ...rest } = headers;
    return this.#requests.begin(id, { type: 'requestHeaders', ...rest }, options);
  }

  /** Sends a chunk of a live request's body. @throws AgentwireError also `ERR_INVALID_STATE` for an id that is not live */
  sendRequestBodyChunk(chunk: ClientEvent<RequestBodyChunk>, options?: AskOptions): Promise<Decision> {
    const { id, ...rest } = chunk;
    return this.#requests.next(id, { type: 'requestBodyChunk', ...rest }, options);
  }

  /** Sends the head of the upstream's response to a live request. @throws AgentwireError as {@link sendRequestBodyChunk} */
  sendResponseHeaders(headers: ClientEvent<ResponseHeaders>, options?: AskOptions): Promise<Decision> {
    const { id, ...rest } = headers;
    return this.#requests.next(id, { type: 'responseHeaders', ...rest }, options);
  }

  /** Sends a chunk of the response's body of a live request. @throws AgentwireError as {@link sendRequestBodyChunk} */
  sendResponseBodyChunk(chunk: ClientEvent<ResponseBodyChunk>, options?: AskOptions): Promise<Decision> {
    const { id, ...rest } = chunk;
    return this.#requests.next(id, { type: 'responseBodyChunk', ...rest }, options);
  }

  /** Ends a request and reports its end to the agent, if it accepts that. No effect for an id that is not live. */
  completeRequest(id: RequestId, summary: Completion): void {
    this.#requests.take(id)?.complete(summary);
  }

  /** Ends a request without a message to the agent. No effect for an id that is not live. */
  endRequest(id: RequestId): void {
    this.#requests.take(id)?.end();
  }

  /** Cancels a request at the agent; unanswered questions reject with `ERR_ABORTED`. No effect for an id that is not live. */
  cancelRequest(id: RequestId, reason?: CancelReason): void {
    this.#requests.take(id)?.cancel(reason);
  }

  /** Cancels every request. */
  cancelAll(reason?: CancelReason): void {
    this.#requests.cancelAll(reason);
  }

  /** Resolves to the round trip in milliseconds. @throws AgentwireError `ERR_TIMEOUT`, `ERR_CLOSED` */
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
