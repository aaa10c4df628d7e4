import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';

/**
 * Request of node:http, or of the compatibility layer of node:http2, which has what is used here. The type of the second is named for
 * itself: later versions of `@types/node` give that of node:http members that it does not have.
 */
export type GivenRequest = NodeRequest | Http2ServerRequest;

/** Response of node:http, or of the compatibility layer of node:http2. */
export type GivenResponse = NodeResponse | Http2ServerResponse;

/** Request, with the members that frameworks add. */
export type NodeRequest = IncomingMessage & {
  /** Set by Express and others: the url before a mount path was cut off. */
  readonly originalUrl?: string;
  /** Set by body parsers. */
  readonly body?: unknown;
};

/** Response. */
export type NodeResponse = ServerResponse;

/** Next handler; called with an error where the request cannot be judged. */
export type Next = (error?: unknown) => void;
