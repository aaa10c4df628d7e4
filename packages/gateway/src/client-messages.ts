import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';

// any: node's overloads take listeners of every shape
// oxlint-disable-next-line typescript/no-explicit-any
type Listener = (...args: any[]) => void;

/** Request of a client: an `IncomingMessage` of node:http, or one of an HTTP/2 stream. */
export interface ClientRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  /** `true` for a request that switches its connection to a WebSocket. */
  readonly upgrade?: boolean | null;
  readonly httpVersion: string;
  readonly httpVersionMajor: number;
  readonly httpVersionMinor: number;
  readonly headers: IncomingHttpHeaders;
  /** Lines as they came, names and values in turn. */
  readonly rawHeaders: string[];
  /** Lines behind the body, once that has ended. */
  readonly rawTrailers: readonly string[];
  readonly socket: Socket;
  /** `true` once all of it has come. */
  readonly complete: boolean;
  readonly readableEnded: boolean;
  readonly destroyed: boolean;
  pause(): unknown;
  resume(): unknown;
  on(event: string, listener: Listener): this;
  off(event: string, listener: Listener): this;
}

/** Response to a client: a `ServerResponse` of node:http, or one of an HTTP/2 stream. */
export interface ClientResponse {
  readonly req: ClientRequest;
  /** `null` while it waits behind another response of its connection, and after its end. */
  readonly socket: Socket | null;
  readonly statusCode: number;
  readonly headersSent: boolean;
  readonly destroyed: boolean;
  readonly writableEnded: boolean;
  /** `true` once the last byte was given to the system. */
  readonly writableFinished: boolean;
  readonly writableLength: number;
  /** `true` while the connection takes another request after this response; always `false` for HTTP/2. */
  shouldKeepAlive: boolean;
  writeHead(status: number, headers: string[]): this;
  flushHeaders(): void;
  /** @param done called once the chunk is out, where the response is HTTP/1.1 */
  write(chunk: Uint8Array, done?: (error?: Error | null) => void): boolean;
  end(last?: Uint8Array | (() => void)): this;
  /** Announces {@link addTrailers}, before the head is sent; HTTP/1.1 needs it only where the body has no length. */
  expectTrailers?(): void;
  /** Adds lines that are sent behind the body; none are where HTTP/1.1 has its length. */
  addTrailers(lines: readonly [string, string][]): void;
  writeContinue(): void;
  destroy(): this;
  on(event: string, listener: Listener): this;
  once(event: string, listener: Listener): this;
  removeListener(event: string, listener: Listener): this;
}
