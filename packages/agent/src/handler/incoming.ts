import type { RequestMetadata } from '@agentwire/core';
import type { HeaderMap } from '@agentwire/headers';

/** Options of {@link IncomingMessage.bytes}, `text` and `json`. */
export interface WholeBodyOptions {
  /** Longest body in bytes; default 10 485 760 (10 MiB). Past it the promise rejects with `ERR_BODY_TOO_LARGE`. */
  readonly limit?: number;
  /**
   * Keeps a body past 1 MiB in a temporary file that is mapped into memory; default `false`, the heap. The result is a view
   * that is empty once the handler has returned, or its promise has settled: a handler awaits whatever reads the view,
   * because native code (zlib, crypto, fs) fails in its own callback when the view is emptied under it. Set it where bodies
   * of many megabytes are read.
   */
  readonly spill?: boolean;
  /** Accepts a body that the proxy truncated, as far as it arrived; default `false`: the promise rejects. */
  readonly allowTruncated?: boolean;
}

/** Body of a request or response: whole, or in pieces. It can be read once, in one of these ways. */
export interface IncomingBody extends AsyncIterable<Uint8Array> {
  /** `true` if the proxy truncated the body; known once it has ended. */
  readonly truncated: boolean;
}

/** Common part of requests and responses. */
export interface IncomingMessage {
  /** Headers with several values per name, case-insensitive; wraps what was received without copying. */
  readonly headers: HeaderMap;
  /**
   * `true` if a body is to be expected. If the proxy does not tell, the headers decide as HTTP defines it, and where they
   * leave it open it is `true`.
   */
  readonly hasBody: boolean;
  /**
   * The body in the pieces in which it arrives. The proxy gets its answer to a piece when the next one is asked for, which
   * is the back-pressure; the handler's decision answers the piece it was made at, or the last.
   */
  readonly body: IncomingBody;
  /**
   * Reads the whole body.
   *
   * Rejects with `ERR_BODY_TOO_LARGE` past the limit or if the proxy truncated the body; a handler that does not catch this
   * blocks the request with status 413.
   */
  bytes(options?: WholeBodyOptions): Promise<Uint8Array>;
  /** Reads the whole body as UTF-8 text. */
  text(options?: WholeBodyOptions): Promise<string>;
  /** Reads the whole body as JSON. Rejects with `ERR_BODY_NOT_JSON` if it is none; a handler that does not catch this blocks with 400. */
  json(options?: WholeBodyOptions): Promise<unknown>;
}

/** Request as its handlers see it. */
export interface IncomingRequest extends IncomingMessage {
  readonly method: string;
  /** Path and query as they were received. */
  readonly uri: string;
  /** The uri up to its `?`, not decoded. */
  readonly path: string;
  /** The parameters behind the `?`. */
  readonly query: URLSearchParams;
  /** Client, connection and route of the request. */
  readonly metadata: RequestMetadata;
}

/** Response as its handlers see it. */
export interface IncomingResponse extends IncomingMessage {
  /** HTTP status, 100 to 999. */
  readonly status: number;
}

/** Chunk of a body, for handlers that decide on each. */
export interface IncomingChunk {
  /** 0 for the first chunk of a body. */
  readonly index: number;
  readonly data: Uint8Array;
  /** `true` if nothing follows. */
  readonly last: boolean;
  /** `true` if the proxy truncated the body here; then `last` is `true` too. */
  readonly truncated: boolean;
  /** Length of the whole body in bytes, if the proxy knows it. */
  readonly totalSize: number | undefined;
}
