import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AgentwireError, type Clock, type Endpoint } from '@agentwire/core';
import { type Access, clientTls } from './access.ts';
import type { RawChannel } from './channel.ts';
import { ReceiveQueue, type NextMessage, type RawMessage } from './receive-queue.ts';

/** Longest accepted frame, in bytes; a longer one ends the channel. */
const MAX_BYTES = 64 * 1024 * 1024;

/** Frame: `u32 length`, `u8 type`, payload. */
export function frameOf({ type, payload }: RawMessage): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(payload.length + 1);
  head[4] = type;
  return Buffer.concat([head, payload]);
}

/** Length prefix of a frame of `length` bytes. */
export function lengthField(length: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  return bytes;
}

/** Frames over a socket, without the codec of agentwire. */
export class StreamChannel implements RawChannel {
  readonly #socket: Socket;
  readonly #inbox: ReceiveQueue;
  #received: Buffer = Buffer.alloc(0);

  constructor(socket: Socket, clock: Clock) {
    this.#socket = socket;
    this.#inbox = new ReceiveQueue(clock);
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('end', () => this.#inbox.end(this.#received.length === 0 ? 'closed' : 'closed inside a frame'));
    socket.on('error', (error: NodeJS.ErrnoException) => this.#inbox.end(`dropped (${error.code ?? 'error'})`));
    socket.on('close', () => this.#inbox.end('dropped'));
  }

  #take(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    while (this.#received.length >= 5) {
      const end = 4 + this.#received.readUInt32BE(0);
      if (end === 4 || end > MAX_BYTES) {
        this.#inbox.end(`sent a frame of ${end - 4} bytes`);
        this.#socket.destroy();
        return;
      }
      if (this.#received.length < end) return;
      this.#inbox.push({ type: this.#received[4] as number, payload: this.#received.subarray(5, end) });
      this.#received = this.#received.subarray(end);
    }
  }

  get ended(): string | undefined {
    return this.#inbox.ended;
  }

  frame(message: RawMessage): Buffer {
    return frameOf(message);
  }

  send(message: RawMessage): void {
    this.sendBytes(frameOf(message));
  }

  sendBytes(bytes: Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  next(waitMs: number): Promise<NextMessage> {
    return this.#inbox.next(waitMs);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

function openSocket({ scheme, target, host, port }: Endpoint, access: Access): Socket {
  if (host === undefined || port === undefined) return connect({ path: target, allowHalfOpen: true });
  const where = { host, port, allowHalfOpen: true };
  if (scheme !== 'tls') return connect(where);
  // SNI takes a name, not an address
  const name = isIP(host) === 0 ? { servername: host } : {};
  return connectTls({ ...where, ...name, ...clientTls(access) });
}

/** Opens a socket to a `unix:`, `tcp:` or `tls:` endpoint. @throws AgentwireError `ERR_CONNECT`, `ERR_TIMEOUT` */
export function dialStream(
  endpoint: Endpoint,
  clock: Clock,
  timeoutMs: number,
  access: Access = {},
): Promise<StreamChannel> {
  const socket = openSocket(endpoint, access);
  const channel = new StreamChannel(socket, clock);
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => {
      socket.destroy();
      reject(new AgentwireError('ERR_TIMEOUT', `${endpoint.address} did not take a connection in ${timeoutMs} ms`));
    }, timeoutMs);
    socket.once(endpoint.scheme === 'tls' ? 'secureConnect' : 'connect', () => {
      clock.clearTimeout(timer);
      resolve(channel);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      clock.clearTimeout(timer);
      const reason = `cannot connect to ${endpoint.address}: ${error.code ?? error.message}`;
      reject(new AgentwireError('ERR_CONNECT', reason, { cause: error }));
    });
  });
}
