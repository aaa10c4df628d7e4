import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** One frame. */
export function frame(type: number, payload: string | Buffer): Buffer {
  const bytes = Buffer.from(payload);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length + 1);
  head[4] = type;
  return Buffer.concat([head, bytes]);
}

/** A length field alone. */
export function lengthField(length: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  return bytes;
}

/** A documented request, as a program sends it that knows nothing of ours. */
export const DOCUMENTED_REQUEST: Buffer = frame(
  0x01,
  '{"protocol_version":2,"client_name":"p","supported_features":["streaming"]}',
);
/** The request of the released proxy. */
export const ZENTINEL_REQUEST: Buffer = frame(
  0x01,
  '{"supported_versions":[2],"proxy_id":"zentinel-proxy","proxy_version":"0.6.45","config":null,"supported_encodings":["json"]}',
);

/** A socket with which a test speaks bytes. */
export class RawPeer {
  readonly socket: Socket;
  /** Resolves when the other side has ended or dropped the connection. */
  readonly closed: Promise<void>;
  #received = Buffer.alloc(0);
  #waiting: (() => void)[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.once('end', resolve).once('close', () => resolve()));
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      for (const wake of this.#waiting.splice(0)) wake();
    });
    onTestFinished(() => void socket.destroy());
  }

  /** Dials a Unix socket. */
  static async dial(address: string): Promise<RawPeer> {
    const socket = connect({ path: address.replace(/^unix:/, ''), allowHalfOpen: true });
    const peer = new RawPeer(socket);
    await once(socket, 'connect');
    return peer;
  }

  /** Waits for the next whole frame. */
  async frame(): Promise<{ readonly type: number; readonly text: string }> {
    for (;;) {
      const bytes = this.#received;
      const end = bytes.length < 4 ? Infinity : 4 + bytes.readUInt32BE(0);
      if (bytes.length >= end) {
        this.#received = bytes.subarray(end);
        return { type: bytes[4] as number, text: bytes.toString('utf8', 5, end) };
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Whatever came and was not taken as a frame. */
  get rest(): Buffer {
    return this.#received;
  }
}

/** Listens with a plain server and hands over who comes. */
export async function rawListener(address: string, onPeer: (peer: RawPeer) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => onPeer(new RawPeer(socket)));
  server.listen(address.replace(/^unix:/, ''));
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return server;
}
