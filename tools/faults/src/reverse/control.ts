import { unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { AgentwireError, type AgentwireError as Failure, ERROR_CODES, type ErrorCode } from '@agentwire/core';

/** Order to an agent: dial this address, under this id. */
export interface Order {
  readonly dial: string;
  readonly id: string;
}

interface Report {
  readonly code?: string;
  readonly message?: string;
}

/** Reads the one line that comes over a socket. */
function onLine(socket: Socket, take: (line: string) => void): void {
  let text = '';
  socket.setEncoding('utf8').on('data', (more: string) => {
    text += more;
    if (text.endsWith('\n')) take(text);
  });
}

/** Takes orders at a path of the file system. @param obey does one; its error is reported */
export async function takeOrders(path: string, obey: (order: Order) => Promise<unknown>): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    // closed with the report, not with the other side's end: an agent's handles are counted once its proxy has the report
    const report = (what: Report): void => void socket.end(`${JSON.stringify(what)}\n`, () => socket.destroy());
    onLine(socket, (line) => {
      obey(JSON.parse(line) as Order).then(
        () => report({}),
        ({ code, message }: Failure) => report({ code, message }),
      );
    });
  });
  // one that was killed has left its socket behind
  try {
    unlinkSync(path);
  } catch {
    // there is none
  }
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject).listen(path, resolve);
  await promise;
  return server;
}

/**
 * Gives an agent an order; resolves once the agent has carried it out, and closed its side.
 *
 * @throws AgentwireError what the agent reports, `ERR_CONNECT` if it is not there or leaves
 */
export function giveOrder(path: string, order: Order, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const gone = (): void => reject(new AgentwireError('ERR_CONNECT', `no agent takes orders at ${path}`));
    signal?.addEventListener('abort', () => socket.destroy(), { once: true });
    socket.once('error', gone).once('close', gone);
    onLine(socket, (line) => {
      const { code, message = '' } = JSON.parse(line) as Report;
      socket.destroy();
      if (code === undefined) resolve();
      else reject(new AgentwireError(code in ERROR_CODES ? (code as ErrorCode) : 'ERR_CONNECT', message));
    });
    socket.write(`${JSON.stringify(order)}\n`);
  });
}
