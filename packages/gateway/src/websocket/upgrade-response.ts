import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Most bytes that are read of a client that sends before its handshake is answered. */
const MAX_EARLY_BYTES = 65_536;

/** Reads a connection during the handshake: its end is noticed only where it is read. */
export class EarlyBytes {
  readonly #socket: Socket;
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;

  constructor(socket: Socket, head: Uint8Array) {
    this.#socket = socket;
    socket.on('data', this.#onData).on('end', this.#onEnd);
    if (head.byteLength > 0) this.#onData(head);
  }

  readonly #onData = (chunk: Uint8Array): void => {
    this.#chunks.push(chunk);
    this.#bytes += chunk.byteLength;
    if (this.#bytes >= MAX_EARLY_BYTES) this.#socket.pause();
  };

  readonly #onEnd = (): void => {
    this.#socket.destroy();
  };

  /** Stops reading. @returns what came */
  take(): Uint8Array {
    this.#socket.off('data', this.#onData).off('end', this.#onEnd).pause();
    return Buffer.concat(this.#chunks);
  }
}

/** Response to a request for a WebSocket. Any other than 101 is the last one of its connection. */
export class UpgradeResponse extends ServerResponse {
  readonly #client: Socket;
  readonly #early: EarlyBytes;
  #switched = false;
  /** Closes the WebSocket because the gateway ends; set where frames are judged. */
  goAway: (() => void) | undefined;

  constructor(request: IncomingMessage, socket: Socket, early: EarlyBytes) {
    super(request);
    this.#client = socket;
    this.#early = early;
    this.shouldKeepAlive = false;
    this.assignSocket(socket);
    this.once('finish', () => {
      if (!this.#switched) socket.destroySoon();
    });
  }

  /** Sends the head of 101. @returns the connection, and what the client sent before */
  switchProtocols(headers: readonly string[]): { readonly client: Socket; readonly early: Uint8Array } {
    this.writeHead(101, headers as string[]);
    this.#switched = true;
    this.end();
    this.detachSocket(this.#client);
    return { client: this.#client, early: this.#early.take() };
  }
}
