import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A TCP client that writes given text, byte for byte. */
export interface RawClient {
  readonly socket: Socket;
  /** All that came so far, as latin1. */
  readonly text: string;
  send(text: string): void;
  /** Waits until what came matches. */
  until(pattern: RegExp): Promise<string>;
  /** Waits until the other side has ended. @returns all that came */
  closed(): Promise<string>;
}

export async function rawClient(url: string): Promise<RawClient> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.setMaxListeners(0);
  onTestFinished(() => void socket.destroy());
  let text = '';
  socket.on('data', (part: Buffer) => {
    text += part.toString('latin1');
    socket.emit('more');
  });
  // a reset shows in what came, and in 'close'
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return {
    socket,
    get text() {
      return text;
    },
    send: (part) => void socket.write(part, 'latin1'),
    async until(pattern) {
      while (!pattern.test(text)) {
        if (socket.closed) throw new Error(`closed before ${pattern}, after: ${text}`);
        await Promise.race([once(socket, 'more'), once(socket, 'close')]);
      }
      return text;
    },
    async closed() {
      if (!socket.closed) await once(socket, 'close');
      return text;
    },
  };
}

/** Sends one text and returns everything that comes until the other side ends. */
export async function exchange(url: string, text: string): Promise<string> {
  const client = await rawClient(url);
  client.send(text);
  return client.closed();
}
