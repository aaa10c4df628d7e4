import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

type OnRequest = (request: IncomingMessage, response: ServerResponse, expectsContinue: boolean) => void;

interface Waiting {
  readonly response: ServerResponse;
  readonly expectsContinue: boolean;
}

const connections = new WeakMap<Duplex, ClientConnection>();

/** Returns the connection of a socket; `undefined` for a socket of another server than the gateway's own. */
export function connectionOf(socket: Duplex): ClientConnection | undefined {
  return connections.get(socket);
}

/** Starts to track the requests of a new connection; {@link connectionOf} returns it. */
export function addConnection(socket: Socket, maxPipelined: number, onRequest: OnRequest): void {
  connections.set(socket, new ClientConnection(socket, maxPipelined, onRequest));
}

/** Bytes that are read while requests of the connection wait, after the read that brought the first of them. */
const READ_AHEAD_BYTES = 65_536;

/**
 * Unanswered requests of one client connection, in the order in which they came and are answered.
 *
 * A client may send requests without waiting for answers (pipelining). At most `maxPipelined` of them are in flight, and one
 * that waits for "100 Continue" only when all before it are answered: a client could not tell that line from a part of their
 * answers. Further requests wait here; up to {@link READ_AHEAD_BYTES} of them are read, because the end of a connection is
 * noticed only where it is read. Nothing more is read then until they have started.
 */
export class ClientConnection {
  readonly #socket: Socket;
  readonly #maxPipelined: number;
  readonly #onRequest: OnRequest;
  readonly #unanswered: ServerResponse[] = [];
  readonly #waiting: Waiting[] = [];
  #beginsSoon = false;
  /** Bytes of the socket that may be read while requests wait. */
  #maxBytesRead = 0;
  /** Response to a request that broke off within its body. */
  #broken: ServerResponse | undefined;
  #whenAnswered: ((answerable: boolean) => void) | undefined;

  constructor(socket: Socket, maxPipelined: number, onRequest: OnRequest) {
    this.#socket = socket;
    this.#maxPipelined = maxPipelined;
    this.#onRequest = onRequest;
    // Node resumes a socket on its own when an answer has drained
    socket.on('resume', () => {
      if (this.#hasReadAhead) socket.pause();
    });
    socket.once('close', () => {
      this.#waiting.length = 0;
    });
  }

  /** `true` while a request waits to start. */
  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Takes a request, and starts it when it may. */
  take(response: ServerResponse, expectsContinue: boolean): void {
    if (this.#waiting.length === 0 && this.#mayBegin(expectsContinue)) return this.#begin(response, expectsContinue);
    if (this.#waiting.length === 0) this.#maxBytesRead = this.#socket.bytesRead + READ_AHEAD_BYTES;
    this.#waiting.push({ response, expectsContinue });
    if (this.#hasReadAhead) this.#socket.pause();
  }

  get #hasReadAhead(): boolean {
    return this.hasWaiting && this.#socket.bytesRead >= this.#maxBytesRead;
  }

  #mayBegin(expectsContinue: boolean): boolean {
    return this.#unanswered.length < (expectsContinue ? 1 : this.#maxPipelined);
  }

  #begin(response: ServerResponse, expectsContinue: boolean): void {
    this.#unanswered.push(response);
    response.on('close', () => this.#onClose(response));
    this.#onRequest(response.req, response, expectsContinue);
  }

  #onClose(response: ServerResponse): void {
    const [first, next] = this.#unanswered;
    // destroyed behind others, where it had no socket to destroy: it stays until they are answered
    if (response !== first) return;
    this.#unanswered.shift();
    if (this.#socket.destroyed) return;
    if (next?.destroyed === true) {
      this.#socket.destroy();
      return;
    }
    this.#checkAnswered();
    if (!this.hasWaiting || this.#beginsSoon) return;
    this.#beginsSoon = true;
    // not at once: the answered request still counts as in flight
    setImmediate(this.#beginWaiting);
  }

  readonly #beginWaiting = (): void => {
    this.#beginsSoon = false;
    for (
      let [next] = this.#waiting;
      next !== undefined && this.#mayBegin(next.expectsContinue);
      [next] = this.#waiting
    ) {
      this.#waiting.shift();
      this.#begin(next.response, next.expectsContinue);
      if (!this.hasWaiting) this.#socket.resume();
    }
  };

  /**
   * Calls back once, when every request that came whole is answered; at once where all are.
   *
   * @param callback gets `false` where the answer to a request that broke off has been sent in part, so that none can follow
   */
  whenAnswered(callback: (answerable: boolean) => void): void {
    const begun = this.#unanswered.at(-1);
    if (this.#waiting.at(-1)?.response.req.complete === false) this.#waiting.pop();
    else if (this.#waiting.length === 0 && begun?.req.complete === false) this.#broken = begun;
    this.#whenAnswered = callback;
    this.#checkAnswered();
  }

  #checkAnswered(): void {
    const callback = this.#whenAnswered;
    if (callback === undefined || this.hasWaiting) return;
    const [first] = this.#unanswered;
    if (first !== undefined && (first !== this.#broken || first.writableEnded)) return;
    this.#whenAnswered = undefined;
    callback(first?.headersSent !== true);
  }

  /** Keeps answers flowing on a socket that Node detached, as it does for CONNECT and upgrades. The caller reads it. */
  takeOver(): void {
    this.#socket.on('error', () => this.#socket.destroy());
    this.#socket.on('drain', () => this.#unanswered[0]?.emit('drain'));
  }
}
