import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { HeaderList } from '@agentwire/core';
import type { BodyStream } from '@agentwire/pipeline/internal';

/** Request for the upstream. */
export interface OutgoingRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: HeaderList;
  readonly body: Uint8Array | BodyStream | null;
  /** Address of the client, for `maxUpstreamConnectionsPerClient`. */
  readonly client: string | undefined;
  /** Told each time that the request gets a connection. */
  readonly times?: { onSent(): void } | undefined;
  /** Protocol that the connection is to be switched to, as a value of `upgrade`. */
  readonly upgrade?: string | undefined;
  /** Set where the client takes trailers. */
  readonly acceptsTrailers?: boolean | undefined;
  /** Returns the trailers of the body, once it has been read to its end. Over HTTP/1.1 they follow bodies that are sent in chunks. */
  readonly trailers?: (() => HeaderList) | undefined;
  /** Further attempts on other servers. */
  readonly retries?: number | undefined;
}

/** Request that was sent. */
export interface UpstreamCall {
  /** Number of times that it was sent. */
  readonly attempts: number;
  /** Server that it was sent to last, as `http://HOST:PORT` or `unix:/PATH`. */
  readonly target: string;
  /** Ends it with an error for `onError`, unless it has ended before. */
  abort(error: Error): void;
}

/** Connections to upstreams, and the requests that wait for one. */
export interface UpstreamUsage {
  /** Connections with a request; of HTTP/2 its streams. */
  readonly busy: number;
  /** Open connections without a request; none of HTTP/2. */
  readonly idle: number;
  /** Requests that wait for a connection. */
  readonly queued: number;
}

/** Returns the sum of these. */
export function sumUsage(all: readonly UpstreamUsage[]): UpstreamUsage {
  const of = (key: keyof UpstreamUsage): number => all.reduce((sum, one) => sum + one[key], 0);
  return { busy: of('busy'), idle: of('idle'), queued: of('queued') };
}

/** One or more servers that requests are sent to. */
export interface UpstreamSender {
  /** `Host` where a request names none. */
  readonly host: string;
  /** `true` while requests wait for a connection. */
  readonly contended: boolean;
  /** Connections and queued requests now. */
  readonly usage: UpstreamUsage;
  /** Sends a request; the response comes through its callbacks. */
  send(request: OutgoingRequest, response: ResponseHandler): UpstreamCall;
  /** Ends its connections once no request uses them; there must be no new ones. */
  retire(): void;
  /** Ends every connection now. */
  abort(): Promise<void>;
}

/** Callbacks for the response, in order; last `onEnd`, `onUpgrade` or `onError`, once. */
export interface ResponseHandler {
  /** @returns whether the body may follow at once; else it waits for `resume` of the control */
  onHead(status: number, headers: HeaderList, control: ResponseControl): boolean;
  /** @returns whether more may follow at once; else it waits for `resume` of the control */
  onData(chunk: Uint8Array): boolean;
  onEnd(trailers?: HeaderList): void;
  /** Takes the connection after 101, to a request with `upgrade`. */
  onUpgrade?(headers: HeaderList, socket: Socket): void;
  onError(error: Error): void;
  /** Time of the clock since which the client has taken nothing of what waits for it, or has sent next to nothing. */
  readonly stalledSince: number | undefined;
  /** Ends the request because its client is the slowest one while others wait for a connection. */
  evict(): void;
}

/** Control of a response: resumes it after a stop, or ends it. */
export interface ResponseControl {
  resume(): void;
  abort(error: Error): void;
  /** `true` where more of the body, or its end, has been read already. */
  readonly hasMore: boolean;
  /** `true` where the head ended the response, so that neither a body nor trailers follow. */
  readonly headOnly: boolean;
  /** Frees the memory of a chunk that nothing else has; `undefined` where chunks are views of what others still read. */
  readonly release: ((chunk: Uint8Array) => void) | undefined;
}

/** Reads of one request's response. */
export interface ConnectionGate {
  readonly socket: Pick<Socket, 'destroyed' | 'errored'>;
  /** Bytes that the system has not taken from the connection; `Infinity` where that is unknown. */
  readonly unsentBytes: number;
  /** `true` where nothing reads the memory of a response's chunk behind the callback that gets it. */
  readonly ownsChunks: boolean;
  /** Requests that were sent on this connection. */
  requests: number;
  /** `true` once bytes came since the last request was sent. */
  heard: boolean;
  stop(): void;
  resume(): void;
  /** Leaves the connection as it was before. */
  remove(): void;
}

/** Connection for one request at a time: a connection of HTTP/1.1, or a stream of HTTP/2. It dials when a request needs it. */
export interface TargetConnection {
  /** Gate of the current request, or of the last one. */
  readonly gate: ConnectionGate | undefined;
  /** `true` while it has an open socket of its own; streams of HTTP/2 have none. */
  readonly isConnected: boolean;
  dispatch(request: DispatchRequest, handler: ExchangeHandler): void;
  destroy(): Promise<void>;
}

/** Request for a {@link TargetConnection}. */
export type DispatchRequest = Omit<OutgoingRequest, 'body'> & {
  readonly body: Uint8Array | AsyncIterable<Uint8Array> | null;
};

/** One request on a connection, as its {@link ExchangeHandler} sees it. */
export interface Exchange {
  /** Lines of the response, or of its last informational one, names and values in turn: bytes of HTTP/1.1, text of HTTP/2. */
  readonly rawHeaders: readonly (Buffer | string)[];
  /** Lines behind the body, at its end. */
  readonly rawTrailers: readonly (Buffer | string)[];
  /** `true` where the head ended the response; HTTP/1.1 does not tell. */
  readonly headOnly: boolean;
  /** Ends it with an error for `onResponseError`. */
  abort(error: Error): void;
}

/** Callbacks for one request on a connection, in order; last `onResponseEnd`, `onRequestUpgrade` or `onResponseError`, once. */
export interface ExchangeHandler {
  /** Called before the first byte of the request is written. */
  onRequestStart(exchange: Exchange): void;
  /** Called for each head, informational ones too. */
  onResponseStart(exchange: Exchange, status: number): void;
  onResponseData(chunk: Uint8Array): void;
  onResponseEnd(exchange: Exchange): void;
  onRequestUpgrade(exchange: Exchange, socket: Duplex): void;
  onResponseError(error: Error): void;
}

/** Connections to one server. */
export interface TargetConnections {
  /** Requests that may be in flight. */
  readonly max: number;
  create(): TargetConnection;
}
