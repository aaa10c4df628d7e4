import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { AgentwireError, toAgentwireError, type Peer, type PendingPeer } from '@agentwire/core';
import { createConnection, negotiateOverGrpc } from '../connection/create-connection.ts';
import type { GrpcConnection } from '../connection/grpc-connection.ts';
import { MessageStream, type MessageStreamUser } from '../connection/message-stream.ts';
import {
  readHandshakeRequest,
  writeHandshakeResponse,
  writeRefusal,
  type OtherSide,
} from '../handshake/hello-fields.ts';
import { bearerToken } from './bearer-token.ts';
import type { ServerDeps, ServerSession } from './server-session.ts';

/** Longest message before the handshake is done. */
const MAX_HANDSHAKE_BYTES = 64 * 1024;

/** A ProcessStream until its handshake is done or has failed. */
class IncomingStream implements MessageStreamUser {
  readonly #from: ServerSession;
  readonly #deps: ServerDeps;
  readonly #authorization: string | undefined;
  readonly #messages: MessageStream;
  readonly #pending: PendingPeer;
  /** `pending` → `done`: admitted, refused, failed or ended by the peer. */
  #state: 'pending' | 'done' = 'pending';

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, from: ServerSession, deps: ServerDeps) {
    this.#from = from;
    this.#deps = deps;
    this.#authorization = headers.authorization;
    // the released proxy sends nothing before it has seen these
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    const where = `the proxy at ${from.address}`;
    const { clock } = deps.options;
    this.#messages = new MessageStream(stream, { side: 'server', where, clock, maxBytes: MAX_HANDSHAKE_BYTES }, this);
    this.#pending = from.begin((error) => this.onFault(error));
  }

  onFrame(buffer: Buffer, start: number, end: number): void {
    this.#messages.pause();
    const { logger } = this.#deps.options;
    this.#handshake(buffer.subarray(start, end)).catch((error: unknown) => {
      logger.error({ error, address: this.#from.address }, 'a handshake failed unexpectedly');
      this.#messages.destroy(undefined);
    });
  }

  async #handshake(bytes: Buffer): Promise<void> {
    const { listen, options } = this.#deps;
    let other: OtherSide | undefined;
    try {
      const token = bearerToken(this.#authorization);
      other = readHandshakeRequest(bytes, token);
      const peer = negotiateOverGrpc(listen.self, other, options);
      await this.#pending.authorize(other.hello, this.#from.credential(token));
      if (this.#state === 'pending') this.#open(other, peer);
    } catch (error) {
      this.#refuse(toAgentwireError(error, 'ERR_REFUSED'), other?.isAgentwire ?? false);
    }
  }

  #open(other: OtherSide, peer: Peer): void {
    const { listen, options, admission } = this.#deps;
    const { session } = this.#from;
    const messages = this.#messages;
    const release = admission.enter();
    let connection: GrpcConnection | undefined;
    try {
      messages.outbox.transaction(() => {
        connection = createConnection(listen.self, other, peer, messages, session, options, release);
        messages.send(writeHandshakeResponse(listen.self, other.isAgentwire));
        connection.open(listen.onConnection);
      });
    } catch (error) {
      connection?.discard();
      release();
      throw error;
    }
    this.#state = 'done';
    this.#from.admit(this.#pending);
    messages.resume();
  }

  /** Ends the handshake once. @returns `false` when it was over already. */
  #end(error: AgentwireError): boolean {
    if (this.#state === 'done') return false;
    this.#state = 'done';
    this.#from.refuse(this.#pending, error);
    return true;
  }

  #refuse(error: AgentwireError, isAgentwire: boolean): void {
    if (!this.#end(error)) return;
    const { listen, options } = this.#deps;
    options.logger.info({ address: this.#from.address, code: error.code }, `a proxy was refused: ${error.message}`);
    this.#messages.send(writeRefusal(listen.self, error, isAgentwire));
    this.#messages.end(options.closeTimeoutMs, error);
    // a paused stream would not see the other side's end
    this.#messages.resume();
  }

  onDrain(): void {
    // a handshake fills no buffer
  }

  onFault(error: AgentwireError): void {
    if (!this.#end(error)) return;
    const { logger } = this.#deps.options;
    logger.info({ address: this.#from.address, code: error.code }, `a handshake failed: ${error.message}`);
    this.#messages.fail(error);
  }

  onEnd(error: AgentwireError | undefined): void {
    this.#end(error ?? new AgentwireError('ERR_CLOSED', 'the proxy ended the stream during the handshake'));
    this.#messages.end(this.#deps.options.closeTimeoutMs);
  }
}

/** Serves one ProcessStream. */
export function serveProcessStream(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  from: ServerSession,
  deps: ServerDeps,
): void {
  void new IncomingStream(stream, headers, from, deps);
}
