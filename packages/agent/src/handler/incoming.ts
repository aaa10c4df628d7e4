import type { RequestMetadata } from '@agentwire/core';
import type { HeaderMap } from '@agentwire/headers';

/** Options of reading a body that may be replaced. */
export interface HoldOptions {
  /**
   * Holds the body back until the handler decides, so that `replaceBody()` can take its place and a block leaves nothing of
   * it behind; default `false`: what was read passes when more is asked for. A held body goes back in one message: about
   * 16 MiB at most over Unix sockets, 10 MiB over gRPC, and three quarters of that in JSON. Its etag and digests are removed.
   */
  readonly hold?: boolean;
}

/** Options of {@link IncomingBody.decoded}. */
export interface DecodedOptions {
  /** Longest decoded body in bytes; without it, 10 MiB plus 100 times the encoded bytes. Past it reading fails with `ERR_BODY_TOO_LARGE`. */
  readonly limit?: number | undefined;
}

/** Options of {@link IncomingMessage.bytes}, `text` and `json`. */
export interface WholeBodyOptions extends HoldOptions {
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
  /**
   * Undoes the `content-encoding` (gzip, deflate, br, zstd); default `false`: the bytes as they came. `limit` holds for the
   * decoded body too. Rejects with `ERR_BODY_ENCODING` if the body is not in a known coding; a handler that does not catch
   * this blocks with status 415.
   */
  readonly decode?: boolean;
}

/** Body of a request or response: whole, or in pieces. It can be read once, in one of these ways. */
export interface IncomingBody extends AsyncIterable<Uint8Array> {
  /** `true` if the proxy truncated the body; known once it has ended. */
  readonly truncated: boolean;
  /** The pieces with their `content-encoding` undone (gzip, deflate, br, zstd). Reading fails as `decode` of `bytes()` does. */
  decoded(options?: DecodedOptions): AsyncIterable<Uint8Array>;
  /**
   * Reads until `bytes` of the body have arrived, 10 MiB at most, and returns them: fewer only of a shorter body. A decision
   * then passes the rest without inspection, and reading on begins with these bytes again.
   */
  preview(bytes: number, options?: HoldOptions): Promise<Uint8Array>;
  /**
   * Allows the message and passes the rest of its body now, while the handler still works, for instance to log. That is its decision: end the
   * handler with `allow()`. A block, a redirect, a change of headers or of the body after it is lost: an error `ERR_TOO_LATE` that is
   * logged and counted as a failure, as is what the handler throws.
   */
  skipRest(): void;
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
  /**
   * Path of the uri in one spelling: without escapes of letters, digits and `-._~`, the others in upper case, without `;` parameters,
   * and with one slash between segments (see `paths` of `defineAgent`). Case and a slash at the end are kept. Reading it throws
   * `ERR_AMBIGUOUS_URI` for a path that servers read differently or that cannot be decoded: dot segments, an escaped slash, a backslash, a
   * NUL, a bad escape; a handler that does not catch that blocks with status 400.
   */
  readonly path: string;
  /** Parameters behind the `?`. Reading them throws `ERR_AMBIGUOUS_URI` for an escape that cannot be decoded, as {@link path} does. */
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
  /** Bytes of the body up to and with this chunk, if the proxy tells it. */
  readonly bytesTransferred: number | undefined;
}
