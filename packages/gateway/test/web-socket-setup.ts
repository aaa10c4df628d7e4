import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { type ClientOptions, type RawData, type ServerOptions, WebSocket, WebSocketServer } from 'ws';

/** A real server of WebSockets. */
export interface SocketUpstream {
  readonly url: string;
  readonly requests: IncomingMessage[];
  readonly sockets: WebSocket[];
  readonly messages: string[];
  /** Codes and reasons of closed WebSockets. */
  readonly closes: string[];
  /** Waits until one of the lists has so many. */
  until(condition: () => boolean): Promise<void>;
}

/** Starts a server that answers each text `echo …`, and everything else with itself. */
export async function socketUpstream(options: ServerOptions = {}): Promise<SocketUpstream> {
  const http = createServer((_request, response) => response.writeHead(426, ['x-plain', '1']).end('use a WebSocket'));
  const server = new WebSocketServer({ server: http, ...options });
  const waiting = new Set<() => void>();
  const changed = (): void => {
    for (const check of waiting) check();
  };
  const requests: IncomingMessage[] = [];
  const sockets: WebSocket[] = [];
  const messages: string[] = [];
  const closes: string[] = [];
  server.on('connection', (socket, request) => {
    requests.push(request);
    sockets.push(socket);
    socket.on('message', (data: RawData, isBinary) => {
      messages.push(textOf(data));
      socket.send(isBinary ? data : `echo ${textOf(data)}`, { binary: isBinary });
      changed();
    });
    socket.on('error', () => undefined);
    socket.on('close', (code, reason) => {
      closes.push(`${code} ${reason.toString()}`.trim());
      changed();
    });
    changed();
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    for (const socket of server.clients) socket.terminate();
    server.close();
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  });
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    requests,
    sockets,
    messages,
    closes,
    until: (condition) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (!condition()) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      }),
  };
}

function textOf(data: RawData): string {
  return Buffer.isBuffer(data) ? data.toString() : Buffer.from(data as ArrayBuffer).toString();
}

/** A client of `ws`, that is ended after the test. */
export interface Client {
  readonly socket: WebSocket;
  send(data: string | Buffer): void;
  /** Next message. */
  next(): Promise<string>;
  /** Code and reason of the close. */
  readonly closed: Promise<string>;
}

export async function open(url: string, options: ClientOptions = {}, protocols: string[] = []): Promise<Client> {
  const socket = new WebSocket(url.replace('http', 'ws'), protocols, { perMessageDeflate: false, ...options });
  onTestFinished(() => socket.terminate());
  const messages: string[] = [];
  let wake: () => void = () => undefined;
  socket.on('message', (data: RawData) => {
    messages.push(textOf(data));
    wake();
  });
  const closed = new Promise<string>((resolve) => {
    socket.on('close', (code, reason) => {
      resolve(`${code} ${reason.toString()}`.trim());
      wake();
    });
  });
  await once(socket, 'open');
  socket.on('error', () => undefined);
  return {
    socket,
    closed,
    send(data) {
      socket.send(data);
    },
    async next() {
      while (messages.length === 0) {
        if (socket.readyState === WebSocket.CLOSED) throw new Error('closed');
        await new Promise<void>((resolve) => (wake = resolve));
      }
      return messages.shift() as string;
    },
  };
}

/** Answer to a handshake other than 101: its status and body. */
export async function refused(
  url: string,
  options: ClientOptions = {},
): Promise<{ status: number; body: string; response: IncomingMessage }> {
  const socket = new WebSocket(url.replace('http', 'ws'), options);
  socket.on('error', () => undefined);
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  let body = '';
  for await (const chunk of response) body += String(chunk);
  return { status: response.statusCode ?? 0, body, response };
}
