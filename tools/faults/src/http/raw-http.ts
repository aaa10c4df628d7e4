import { connect, type Socket } from 'node:net';
import { monotonicMs } from '../now.ts';

/** Response as a client received it. */
export interface Seen {
  /** 0 where no head came. */
  readonly status: number;
  /** Head and body as they came, as latin1. */
  readonly text: string;
  /** Set when the connection ended in time, or the whole response arrived. */
  readonly over: boolean;
  readonly tookMs: number;
}

/** A socket to `url`; its errors are no exceptions. */
export function dial(url: string): Socket {
  const { hostname, port } = new URL(url);
  return connect({ host: hostname, port: Number(port), allowHalfOpen: true }).on('error', () => undefined);
}

/** A request's bytes. */
export function requestText(path: string, headers: readonly string[] = [], method = 'GET'): string {
  return [`${method} ${path} HTTP/1.1`, 'Host: faults.test', ...headers, '', ''].join('\r\n');
}

/** Reads one answer from a socket until its connection ends, `limitMs` is over, or `isWhole` holds. */
export function readAnswer(
  socket: Socket,
  limitMs: number,
  isWhole: (text: string) => boolean = () => false,
): Promise<Seen> {
  const since = monotonicMs();
  let text = '';
  return new Promise((resolve) => {
    const finish = (over: boolean): void => {
      clearTimeout(timer);
      socket.off('data', onData).off('end', onEnd).off('close', onEnd);
      // a 1xx is no answer
      const status = Number(/(?:^|\r\n\r\n)HTTP\/1\.1 ([2-5]\d\d)/.exec(text)?.[1] ?? 0);
      resolve({ status, text, over, tookMs: monotonicMs() - since });
    };
    const onData = (part: Buffer): void => {
      text += part.toString('latin1');
      if (isWhole(text)) finish(true);
    };
    const onEnd = (): void => finish(true);
    const timer = setTimeout(() => finish(false), limitMs);
    socket.on('data', onData).once('end', onEnd).once('close', onEnd);
    if (socket.destroyed || socket.readableEnded) finish(true);
  });
}

/** Asks for `path` on a connection of its own, and reads to its end. */
export async function askOnce(
  url: string,
  path = '/',
  { limitMs = 5_000, headers = [] as readonly string[], method = 'GET' } = {},
): Promise<Seen> {
  const socket = dial(url);
  socket.write(requestText(path, ['Connection: close', ...headers], method));
  const seen = await readAnswer(socket, limitMs);
  socket.destroy();
  return seen;
}
