import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export const BINARY = 0x2;
export const TEXT = 0x1;
export const CONTINUATION = 0x0;
export const CLOSE = 0x8;
export const PING = 0x9;
export const PONG = 0xa;

/** One masked frame of a client; `fin` is false for the beginning of a fragmented message. */
export function frame(opcode: number, payload: string | Uint8Array, { fin = true, masked = true } = {}): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : Buffer.from(payload);
  const length =
    bytes.length < 126
      ? Buffer.of(bytes.length)
      : bytes.length < 65_536
        ? Buffer.of(126, bytes.length >> 8, bytes.length & 0xff)
        : Buffer.concat([Buffer.of(127, 0, 0, 0, 0), uint32(bytes.length)]);
  if (!masked) return Buffer.concat([Buffer.of((fin ? 0x80 : 0) | opcode), length, bytes]);
  length[0] = length.readUInt8(0) | 0x80;
  const mask = randomBytes(4);
  const hidden = Buffer.from(bytes.map((byte, at) => byte ^ mask.readUInt8(at % 4)));
  return Buffer.concat([Buffer.of((fin ? 0x80 : 0) | opcode), length, mask, hidden]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A message of the protocol: its type and payload. */
export const message = (type: number, payload: string): Buffer =>
  Buffer.concat([Buffer.of(type), Buffer.from(payload)]);

/** A documented handshake, as a program sends it that knows nothing of ours. */
export const HANDSHAKE: Buffer = message(
  0x01,
  '{"protocol_version":2,"client_name":"p","supported_features":["streaming"]}',
);

/** A WebSocket client of which a test writes every byte. */
export class RawWebSocket {
  readonly socket: Socket;
  /** Resolves when the other side has ended or dropped the connection. */
  readonly closed: Promise<void>;
  #received: Buffer = Buffer.alloc(0);
  #waiting: (() => void)[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.once('end', resolve).once('close', () => resolve()));
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      for (const wake of this.#waiting.splice(0)) wake();
    });
    onTestFinished(() => void socket.destroy());
  }

  /** Connects without sending anything. */
  static async connect(port: number): Promise<RawWebSocket> {
    const raw = new RawWebSocket(connect({ port, host: '127.0.0.1', allowHalfOpen: true }));
    await once(raw.socket, 'connect');
    return raw;
  }

  /** Connects and upgrades. */
  static async open(port: number): Promise<RawWebSocket> {
    const raw = await RawWebSocket.connect(port);
    await raw.upgrade();
    return raw;
  }

  /** Sends an upgrade; `headers` replace those of the same name, an empty one leaves it out. @returns the status line */
  async upgrade(headers: Readonly<Record<string, string>> = {}, path = '/agents'): Promise<string> {
    const all: Record<string, string> = {
      host: 'localhost',
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': randomBytes(16).toString('base64'),
      'sec-websocket-protocol': 'agent-protocol.v2',
      ...headers,
    };
    const lines = Object.entries(all).flatMap(([name, value]) => (value === '' ? [] : [`${name}: ${value}`]));
    this.socket.write(`GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
    const head = await this.#take((bytes) => bytes.indexOf('\r\n\r\n') + 4, 4);
    this.head = head.toString();
    return this.head.split('\r\n', 1)[0] ?? '';
  }

  /** Head of the answer to the upgrade. */
  head = '';

  /** Waits for the next frame of the server. */
  async frame(): Promise<{ readonly opcode: number; readonly payload: Buffer }> {
    const bytes = await this.#take((held) => {
      const short = (held[1] ?? 0) & 0x7f;
      if (held.length < 2) return 0;
      if (short < 126) return 2 + short;
      if (short === 126) return held.length < 4 ? 0 : 4 + held.readUInt16BE(2);
      return held.length < 10 ? 0 : 10 + held.readUInt32BE(6);
    }, 1);
    const short = bytes.readUInt8(1) & 0x7f;
    return { opcode: bytes.readUInt8(0) & 0x0f, payload: bytes.subarray(short < 126 ? 2 : short === 126 ? 4 : 10) };
  }

  async #take(lengthOf: (held: Buffer) => number, least: number): Promise<Buffer> {
    for (;;) {
      const length = lengthOf(this.#received);
      if (length >= least && this.#received.length >= length) {
        const taken = this.#received.subarray(0, length);
        this.#received = this.#received.subarray(length);
        return taken;
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}
