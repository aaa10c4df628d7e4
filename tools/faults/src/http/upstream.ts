import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createRawServer, type Socket } from 'node:net';

/** Something that listens, and is closed with its cell. */
export interface Upstream {
  readonly origin: string;
  close(): Promise<void>;
}

/** Listens on a free port. `close` cuts every connection. */
export async function serve(server: Server | ReturnType<typeof createRawServer>): Promise<Upstream> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

/** Chunk of a long answer. */
const PIECE = Buffer.alloc(64 * 1024, 'd');

function sendLong(response: ServerResponse, bytes: number): void {
  let rest = bytes;
  const more = (): void => {
    while (rest > 0 && !response.destroyed) {
      rest -= PIECE.length;
      if (!response.write(PIECE)) return void response.once('drain', more);
    }
    response.end();
  };
  more();
}

/** Requests that the upstream of most rows received. */
export interface Received {
  /** Bodies that came to their end, as latin1. */
  readonly whole: string[];
  /** Body bytes so far, whole or not, as latin1. */
  text: string;
}

/** An upstream that answers: `/long?bytes=N`, `/slow?ms=N`, everything else at once, after the request's body. */
export async function goodUpstream(): Promise<Upstream & { readonly received: Received }> {
  const received: Received = { whole: [], text: '' };
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const url = new URL(request.url ?? '/', 'http://faults.test');
    let body = '';
    request.on('error', () => undefined);
    request.on('data', (part: Buffer) => {
      body += part.toString('latin1');
      received.text += part.toString('latin1');
    });
    request.on('end', () => {
      if (body !== '') received.whole.push(body);
      if (url.pathname.endsWith('/long')) return sendLong(response, Number(url.searchParams.get('bytes')));
      setTimeout(() => response.end(`upstream saw ${url.pathname}`), Number(url.searchParams.get('ms') ?? 0));
    });
  };
  const server = createServer({ keepAliveTimeout: 60_000 }, answer);
  return { ...(await serve(server)), received };
}

/** An upstream that is played by hand: `onRequest` gets the socket and each request's path once its head has come. */
export function rawUpstream(onRequest: (socket: Socket, path: string) => void): Promise<Upstream> {
  const server = createRawServer((socket) => {
    let text = '';
    socket.on('error', () => undefined);
    socket.on('data', (part: Buffer) => {
      text = (text + part.toString('latin1')).slice(-32_768);
      const head = /(?:^|\r\n)\S+ (\S+) HTTP\/1\.1\r\n[^]*?\r\n\r\n/.exec(text);
      if (head === null) return;
      text = '';
      onRequest(socket, head[1] ?? '/');
    });
  });
  return serve(server);
}
