import type { Socket } from 'node:net';
import { AgentwireError } from '@agentwire/core';
import type { LinkReceiver, MessageLink } from '@agentwire/transport-framed';
import { SlowFrameGuard } from '@agentwire/transport-framed/internal';
import type { RawData, WebSocket } from 'ws';

/** Subprotocol of Agent Protocol v2 over WebSocket. */
export const SUBPROTOCOL = 'agent-protocol.v2';

/** Options of every WebSocket: no compression, whose cost a peer chooses, and no message that is longer than a frame. */
export const WEB_SOCKET_LIMITS: {
  readonly autoPong: false;
  readonly perMessageDeflate: false;
  readonly maxPayload: number;
} = { autoPong: false, perMessageDeflate: false, maxPayload: 16 * 1024 * 1024 };

const NORMAL_CODES: ReadonlySet<number> = new Set([1000, 1001, 1005]);
/** Bytes of a control frame besides its payload: two, and four of a mask from a client. */
const CONTROL_HEADER_BYTES = 2;
const MASK_BYTES = 4;
/** Pongs that wait to be written; a ping past them is not answered, as RFC 6455 allows. */
const MAX_PENDING_PONGS = 16;

/**
 * Link over one open WebSocket: one binary message for each message.
 *
 * `ws` does not report how much of a message has arrived, so the bytes of the socket below it are counted: those that
 * belong to no whole message are an incomplete one. Pings and pongs are left out, and so say nothing about life: between two
 * ends a load balancer may send them.
 */
export class WebSocketLink implements MessageLink {
  receivedBytes = 0;
  /** Time at which the incomplete message began, on the receiver's clock. */
  incompleteSinceMs = 0;
  readonly #webSocket: WebSocket;
  readonly #socket: Socket;
  readonly #controlBytes: number;
  #receiver: LinkReceiver | undefined;
  #guard: SlowFrameGuard | undefined;
  #limitBytes = 0;
  #isGuarded = false;
  /** Value of `receivedBytes` behind the last whole message. */
  #completeBytes = 0;
  #tookMessage = false;
  #corked = false;
  #pendingPongs = 0;
  #error: Error | undefined;
  #closeCode: number | undefined;

  /**
   * @param webSocket an open one, of which nothing has been read
   * @param socket the socket below it
   * @param role which end this is; a client masks what it sends
   */
  constructor(webSocket: WebSocket, socket: Socket, role: 'client' | 'server') {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.#controlBytes = CONTROL_HEADER_BYTES + (role === 'server' ? MASK_BYTES : 0);
    webSocket.pause();
    webSocket.on('message', (data: RawData, isBinary: boolean) => this.#onMessage(data, isBinary));
    webSocket.on('ping', (data: Buffer) => this.#onPing(data));
    webSocket.on('pong', (data: Buffer) => this.#onControl(data));
    webSocket.on('error', (error) => this.#onError(error));
    webSocket.on('close', (code) => this.#onClose(code));
    // behind the listener of ws, so that messages in this read are known
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('error', (error) => {
      this.#error ??= error;
    });
  }

  get incompleteBytes(): number {
    return this.receivedBytes - this.#completeBytes;
  }

  limit(bytes: number): void {
    this.#limitBytes = bytes;
    this.#isGuarded = this.#receiver !== undefined;
  }

  start(receiver: LinkReceiver): void {
    this.#receiver = receiver;
    this.#guard = new SlowFrameGuard(this, receiver.clock, (error) => receiver.onFault(error));
    if (this.#closeCode === undefined) this.#webSocket.resume();
    else process.nextTick(() => this.#report());
  }

  send(bytes: Uint8Array, done: (error?: Error | null) => void): void {
    // one write for all messages of a tick
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
    }
    this.#webSocket.send(bytes, { binary: true }, done);
  }

  #onMessage(data: RawData, isBinary: boolean): void {
    this.#tookMessage = true;
    if (!isBinary) {
      this.#receiver?.onFault(new AgentwireError('ERR_PROTOCOL', 'a text message; this protocol has binary ones only'));
      return;
    }
    const bytes = data as Buffer;
    this.#receiver?.onMessage(bytes, 0, bytes.length);
  }

  #onControl(data: Buffer): void {
    this.receivedBytes -= this.#controlBytes + data.length;
  }

  #onPing(data: Buffer): void {
    this.#onControl(data);
    if (this.#pendingPongs === MAX_PENDING_PONGS || this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    this.#pendingPongs += 1;
    this.#webSocket.pong(data, undefined, () => {
      this.#pendingPongs -= 1;
    });
  }

  #onData(chunk: Buffer): void {
    const wasIncomplete = this.incompleteBytes > 0;
    this.receivedBytes += chunk.length;
    if (this.#tookMessage) {
      this.#tookMessage = false;
      // what follows a message in the same read is left out: it is less than one read
      this.#completeBytes = this.receivedBytes;
      return;
    }
    const receiver = this.#receiver;
    const { incompleteBytes } = this;
    if (incompleteBytes <= 0 || receiver === undefined) return;
    if (!wasIncomplete) this.incompleteSinceMs = receiver.clock.now();
    if (this.#isGuarded) this.#guard?.watch();
    // twice, as each of its parts has a header; after admission ws itself keeps to the longest message
    else if (incompleteBytes > 2 * this.#limitBytes) {
      const text = `message of more than ${this.#limitBytes} bytes before the handshake is done`;
      receiver.onFault(new AgentwireError('ERR_MESSAGE_TOO_LARGE', text));
    }
  }

  #onError(error: Error & { readonly code?: string }): void {
    // ws has read something that no WebSocket may send; the codes of sockets are others
    if (error.code?.startsWith('WS_ERR_')) {
      const isTooLong = error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH';
      const code = isTooLong ? 'ERR_MESSAGE_TOO_LARGE' : 'ERR_PROTOCOL';
      this.#receiver?.onFault(new AgentwireError(code, error.message, { cause: error }));
    }
    this.#error ??= error;
  }

  #onClose(code: number): void {
    this.#guard?.stop();
    this.#closeCode = code;
    this.#report();
  }

  #report(): void {
    const code = this.#closeCode ?? 1006;
    if (this.#error === undefined && NORMAL_CODES.has(code)) this.#receiver?.onClose();
    else this.#receiver?.onClose(this.#error ?? new Error(closedBy(code)));
  }

  pause(): void {
    this.#guard?.stop();
    this.#webSocket.pause();
  }

  resume(): void {
    this.#webSocket.resume();
    if (this.#isGuarded && this.incompleteBytes > 0) this.#guard?.watch();
  }

  close(): void {
    this.#webSocket.close(1000);
  }

  abort(): void {
    this.#guard?.stop();
    this.#webSocket.terminate();
  }
}

function closedBy(code: number): string {
  return code === 1006 ? 'it ended without a close message' : `the other side closed it with code ${code}`;
}
