import type { RequestMetadata } from '@agentwire/core';
import type { HeaderMap } from '@agentwire/headers';

/** How a whole body is taken. */
export interface WholeBodyOptions {
  /** Longest body in bytes; default 10 MiB. Past it the promise rejects with `ERR_BODY_TOO_LARGE`. */
  readonly limit?: number;
  /**
   * Keeps a body past 1 MiB in a temporary file that is mapped into memory, and gives a view of it, which is empty once
   * the handler has returned, or its promise has settled; default `false`, the heap. A handler awaits whatever reads the
   * view: native code (zlib, crypto, fs) fails in its own callback when the view is emptied under it.
   */
  readonly spill?: boolean;
  /** Whether a body that the proxy cut short is given as far as it came; default `false`: it rejects. */
  readonly allowTruncated?: boolean;
}

/** The body of a request or response: whole, or in pieces. It can be read once, in one of these ways. */
export interface IncomingBody extends AsyncIterable<Uint8Array> {
  /** Whether the proxy cut the body short; known once it has ended. */
  readonly truncated: boolean;
}

/** What requests and responses have in common. */
export interface IncomingMessage {
  /** Headers with several values a name and any case; wraps what was received, nothing is copied. */
  readonly headers: HeaderMap;
  /**
   * Whether a body is to be expected. Where the proxy does not say, the headers decide as HTTP has it, and where they
   * leave it open it is `true`.
   */
  readonly hasBody: boolean;
  /**
   * The body in the pieces it comes in. The proxy gets its answer to a piece when the next one is asked for, which is
   * the back-pressure; the handler's decision answers the piece it was made at, or the last.
   */
  readonly body: IncomingBody;
  /**
   * The whole body.
   *
   * Rejects with `ERR_BODY_TOO_LARGE` past the limit or where the proxy cut the body short; a handler that lets this
   * through blocks the request with status 413.
   */
  bytes(options?: WholeBodyOptions): Promise<Uint8Array>;
  /** The whole body as UTF-8 text. */
  text(options?: WholeBodyOptions): Promise<string>;
  /** The whole body as JSON. Rejects with `ERR_BODY_NOT_JSON` where it is none; a handler that lets this through blocks with 400. */
  json(options?: WholeBodyOptions): Promise<unknown>;
}

/** A request as its handlers see it. */
export interface IncomingRequest extends IncomingMessage {
  readonly method: string;
  /** Path and query as they came. */
  readonly uri: string;
  /** The uri up to its `?`, not decoded. */
  readonly path: string;
  /** What stands behind the `?`. */
  readonly query: URLSearchParams;
  /** Where the request came from and how. */
  readonly metadata: RequestMetadata;
}

/** A response as its handlers see it. */
export interface IncomingResponse extends IncomingMessage {
  /** HTTP status, 100 to 999. */
  readonly status: number;
}

/** One piece of a body, for handlers that decide on each. */
export interface IncomingChunk {
  /** 0 for the first chunk of a body. */
  readonly index: number;
  readonly data: Uint8Array;
  /** Whether nothing follows. */
  readonly last: boolean;
  /** Whether the proxy cut the body short here; then `last` holds too. */
  readonly truncated: boolean;
  /** Length of the whole body in bytes, where the proxy knows it. */
  readonly totalSize: number | undefined;
}
