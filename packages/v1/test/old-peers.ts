import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import type { ProxyEvent } from '@agentwire/core';
import { onTestFinished } from 'vitest';

/** A socket path that is gone when the test ends. */
export function socketPath(): string {
  const folder = mkdtempSync(`${tmpdir()}/aw-v1-`);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return `${folder}/a.sock`;
}

/** One frame as version 1 has it: a length and JSON. */
export function frame(value: unknown): Buffer {
  const text = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
  const bytes = Buffer.alloc(4 + text.length);
  bytes.writeUInt32BE(text.length);
  text.copy(bytes, 4);
  return bytes;
}

/** Reads version 1 frames off a socket. */
export class Frames {
  readonly ended: Promise<void>;
  #bytes = Buffer.alloc(0);
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#wake();
    });
    this.ended = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  async next(): Promise<Record<string, unknown>> {
    for (;;) {
      const { length } = this.#bytes;
      const end = length < 4 ? Infinity : 4 + this.#bytes.readUInt32BE(0);
      if (length >= end) {
        const text = this.#bytes.toString('utf8', 4, end);
        this.#bytes = this.#bytes.subarray(end);
        return JSON.parse(text) as Record<string, unknown>;
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

/** A proxy of version 1, which knows nothing but its frames. */
export async function oldProxy(path: string): Promise<{ readonly socket: Socket; readonly frames: Frames }> {
  const socket = connect({ path });
  const frames = new Frames(socket);
  onTestFinished(() => void socket.destroy());
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  return { socket, frames };
}

/** An agent of version 1: `answer` says what goes back for each message, or nothing. */
export async function oldAgent(answer: (message: Record<string, unknown>) => Buffer | undefined): Promise<string> {
  const path = socketPath();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    const frames = new Frames(socket);
    const serve = async (): Promise<void> => {
      for (;;) {
        const bytes = answer(await frames.next());
        if (bytes !== undefined) socket.write(bytes);
      }
    };
    void serve();
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return path;
}

const metadata = {
  correlationId: 'c-1',
  requestId: 'r-1',
  clientIp: '192.0.2.1',
  clientPort: 4000,
  protocol: 'HTTP/1.1',
  timestamp: '2025-01-01T00:00:00Z',
};

/** The head of a request. */
export const head = (uri: string, id = 'c-1'): ProxyEvent & { readonly type: 'requestHeaders' } => ({
  type: 'requestHeaders',
  id,
  metadata: { ...metadata, correlationId: id },
  method: 'GET',
  uri,
  headers: ['host', 'example.test'],
  hasBody: false,
});
