import type { IncomingMessage, ServerResponse } from 'node:http';

/** Request of node:http, or of the compatibility layer of node:http2. */
export type NodeRequest = IncomingMessage & {
  /** Set by Express and others: the url before a mount path was cut off. */
  readonly originalUrl?: string;
  /** Set by body parsers. */
  readonly body?: unknown;
};

/** Response of node:http, or of the compatibility layer of node:http2. */
export type NodeResponse = ServerResponse;

/** Next handler; called with an error where the request cannot be judged. */
export type Next = (error?: unknown) => void;
