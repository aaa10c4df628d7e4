import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import {
  AgentwireError,
  toAgentwireError,
  type Clock,
  type ListenOptions,
  type Logger,
  type Peer,
} from '@agentwire/core';
import { agreeOverGrpc, createConnection } from '../connection/create-connection.ts';
import type { GrpcConnection } from '../connection/grpc-connection.ts';
import { MessageStream, type MessageStreamUser } from '../connection/message-stream.ts';
import {
  readHandshakeRequest,
  writeHandshakeResponse,
  writeRefusal,
  type OtherSide,
} from '../handshake/hello-fields.ts';
import type { ResolvedGrpcOptions } from '../options.ts';
import { bearerToken } from './bearer-token.ts';
import type { Pending } from './pending-table.ts';
import type { ServerSession } from './server-session.ts';

/** Longest message before the handshake is done. */
const MAX_HANDSHAKE_BYTES = 64 * 1024;

/** What the streams of one listener share. */
export interface Gate {
  readonly listen: ListenOptions;
  readonly options: ResolvedGrpcOptions;
  readonly address: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Takes one of the listener's connections. @throws AgentwireError `ERR_OVERLOADED`, `ERR_CONNECT` once it is closed. */
  take(): void;
  /** Gives it back. */
  giveBack(): void;
  /** Adds a stream of a session that is past its own handshake to those that wait. */
  wait(fail: (error: AgentwireError) => void): Pending;
}

/** A ProcessStream that came in, until its handshake is done or has failed. */
class Incoming implements MessageStreamUser {
  readonly #from: ServerSession;
  readonly #gate: Gate;
  readonly #authorization: string | undefined;
  #token: string | undefined;
  readonly #messages: MessageStream;
  readonly #pending: Pending | undefined;
  readonly #controller = new AbortController();
  #settled = false;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, from: ServerSession, gate: Gate) {
    this.#from = from;
    this.#gate = gate;
    this.#authorization = headers.authorization;
    // the released proxy says nothing before it has seen these
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    const where = `the proxy at ${from.address}`;
    const { clock } = gate;
    this.#messages = new MessageStream(stream, { side: 'server', where, clock, maxBytes: MAX_HANDSHAKE_BYTES }, this);
    this.#pending = from.pending ? undefined : gate.wait((error) => this.onFault(error));
    stream.once('close', () => this.#settle());
  }

  #settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    this.#pending?.done();
    return true;
  }

  onFrame(buffer: Buffer, start: number, end: number): void {
    this.#messages.pause();
    const { logger } = this.#gate;
    this.#admit(buffer.subarray(start, end)).catch((error: unknown) => {
      logger.error({ error, address: this.#from.address }, 'a handshake failed in a way that nobody expected');
      this.#messages.destroy(undefined);
    });
  }

  async #admit(bytes: Buffer): Promise<void> {
    const { listen, options } = this.#gate;
    let other: OtherSide | undefined;
    try {
      this.#token = bearerToken(this.#authorization);
      other = readHandshakeRequest(bytes, this.#token);
      const peer = agreeOverGrpc(listen.self, other, options);
      await this.#authorize(other);
      if (this.#settled) return;
      this.#open(other, peer);
    } catch (error) {
      this.#refuse(toAgentwireError(error, 'ERR_REFUSED'), other?.ours ?? false);
    }
  }

  async #authorize(other: OtherSide): Promise<void> {
    const { listen } = this.#gate;
    if (listen.authorize === undefined) return;
    try {
      await listen.authorize(other.hello, this.#from.credential(this.#token), this.#controller.signal);
    } catch (error) {
      throw toAgentwireError(error, 'ERR_UNAUTHORIZED');
    }
  }

  #open(other: OtherSide, peer: Peer): void {
    const { listen, options } = this.#gate;
    const session = this.#from.session;
    const messages = this.#messages;
    this.#gate.take();
    let connection: GrpcConnection | undefined;
    try {
      messages.outbox.transaction(() => {
        const giveBack = (): void => this.#gate.giveBack();
        connection = createConnection(listen.self, other, peer, messages, session, options, giveBack);
        messages.send(writeHandshakeResponse(listen.self, other.ours));
        connection.open(listen.onConnection);
      });
    } catch (error) {
      connection?.discard();
      throw error;
    }
    this.#settle();
    this.#from.finishHandshake();
    messages.resume();
  }

  #refuse(error: AgentwireError, ours: boolean): void {
    if (!this.#settle() || this.#messages.over) return;
    const { listen, logger, options } = this.#gate;
    logger.info({ address: this.#from.address, code: error.code }, `a proxy was refused: ${error.message}`);
    this.#messages.send(writeRefusal(listen.self, error, ours));
    this.#messages.end(options.closeTimeoutMs, error);
    // reading on is the way to see the other side's end
    this.#messages.resume();
  }

  onDrain(): void {
    // a handshake fills no buffer
  }

  onFault(error: AgentwireError): void {
    this.#controller.abort(error);
    if (!this.#settle()) return;
    this.#gate.logger.info({ address: this.#from.address, code: error.code }, `a handshake failed: ${error.message}`);
    this.#messages.fail(error);
  }

  onEnd(error: AgentwireError | undefined): void {
    this.#controller.abort(error);
    this.#settle();
    this.#messages.end(this.#gate.options.closeTimeoutMs);
  }
}

/** Takes a ProcessStream in. */
export function serveProcessStream(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  from: ServerSession,
  gate: Gate,
): void {
  void new Incoming(stream, headers, from, gate);
}
