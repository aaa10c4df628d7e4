import type { Duplex } from 'node:stream';
import type { Clock, Logger } from '@agentwire/core';
import { connectionOf } from './client-connection.ts';

/** Statuses other than 400, by the code of Node's parser. */
const STATUS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/** First line of an HTTP/2 connection (RFC 9113 §3.4). */
const HTTP2_LINE = 'PRI * HTTP/2.0\r\n';

const TOO_LONG_LINE = '414 URI Too Long';

/** Time in which the rest of a refused request is read and discarded, in milliseconds: a reset would discard the answer too. */
const DISCARD_MS = 2_000;

/** Parse error, as Node reports it. */
export interface ClientError extends Error {
  readonly code?: string;
  readonly rawPacket?: unknown;
}

/** Collaborators of {@link ClientErrors}. */
export interface ClientErrorsDeps {
  readonly clock: Clock;
  readonly maxRequestLineBytes: number;
  /** Logger that counts repeats. */
  readonly logger: Logger;
}

/** Answers requests that could not be parsed, after the requests before them, and ends their connections. */
export class ClientErrors {
  readonly #deps: ClientErrorsDeps;
  /** Connections that were answered; the parser reports each further packet of theirs. */
  readonly #answered = new WeakSet<Duplex>();

  constructor(deps: ClientErrorsDeps) {
    this.#deps = deps;
  }

  handle(error: ClientError, socket: Duplex): void {
    if (this.#answered.has(socket)) return;
    this.#hint(error.rawPacket);
    if (!socket.writable || error.code === 'ECONNRESET') socket.destroy();
    else this.refuse(this.#statusOf(error), socket);
  }

  /** Logs that a client, of gRPC for example, speaks a protocol which the address could take. */
  #hint(packet: unknown): void {
    if (!Buffer.isBuffer(packet) || packet.toString('latin1', 0, HTTP2_LINE.length) !== HTTP2_LINE) return;
    this.#deps.logger.warn(
      {},
      'a client began with HTTP/2, which this address does not take without TLS: set h2c: true',
    );
  }

  /** Answers with `status` (code and reason) when the requests before it on that connection are answered. */
  refuse(status: string, socket: Duplex): void {
    if (this.#answered.has(socket)) return;
    this.#answered.add(socket);
    const end = (answerable: boolean): void => this.#end(status, socket, answerable);
    const connection = connectionOf(socket);
    if (connection === undefined) end(true);
    else connection.whenAnswered(end);
  }

  #end(status: string, socket: Duplex, answerable: boolean): void {
    if (socket.destroyed) return;
    if (!answerable) {
      socket.destroy();
      return;
    }
    const { clock } = this.#deps;
    const timer = clock.setTimeout(() => socket.destroy(), DISCARD_MS);
    socket.once('close', () => clock.clearTimeout(timer));
    // the answer before it may have been the connection's last one
    if (socket.writable) socket.end(`HTTP/1.1 ${status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
  }

  #statusOf({ code = '', rawPacket }: ClientError): string {
    if (code === 'HPE_HEADER_OVERFLOW' && this.#isLineTooLong(rawPacket)) return TOO_LONG_LINE;
    return STATUS[code] ?? '400 Bad Request';
  }

  /** Returns whether the request line alone was too long: the parser has one code for line and head. */
  #isLineTooLong(packet: unknown): boolean {
    if (!Buffer.isBuffer(packet) || !/^[A-Z-]{3,16} $/.test(packet.toString('latin1', 0, packet.indexOf(' ') + 1)))
      return false;
    const end = packet.indexOf('\n');
    return (end === -1 ? packet.length : end) > this.#deps.maxRequestLineBytes;
  }
}
