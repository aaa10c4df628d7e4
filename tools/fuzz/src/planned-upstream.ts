import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { headerOf, readMessage } from './http-text.ts';
import type { Journal } from './journal.ts';
import type { Scenario } from './scenario.ts';

/** An upstream that answers each request as its scenario says, byte for byte, and writes down what it got. */
export interface PlannedUpstream extends AsyncDisposable {
  readonly url: string;
}

function answerText({ upstream, request }: Scenario): { text: string; closes: boolean } {
  const { status, version, headers, body } = upstream;
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const whole = body.pieces.join('');
  const closes = body.framing === 'close' || version === '1.0';
  let text = `HTTP/${version} ${status} Planned\r\n${lines}`;
  if (body.framing === 'length') text += `Content-Length: ${whole.length}\r\n`;
  if (body.framing === 'chunked') text += 'Transfer-Encoding: chunked\r\n';
  if (closes) text += 'Connection: close\r\n';
  text += '\r\n';
  if (request.method === 'HEAD' || body.framing === 'none') return { text, closes };
  if (body.framing !== 'chunked') return { text: text + whole, closes };
  const chunks = body.pieces
    .filter((piece) => piece !== '')
    .map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`);
  return { text: `${text}${chunks.join('')}0\r\n\r\n`, closes };
}

function answer(socket: Socket, scenario: Scenario): void {
  const { text, closes } = answerText(scenario);
  switch (scenario.upstream.end) {
    case 'no answer':
      socket.destroy();
      return;
    case 'reset':
      socket.write(text.slice(0, Math.ceil(text.length / 2)), 'latin1', () => socket.resetAndDestroy());
      return;
    case 'cut':
      socket.end(text.slice(0, -1), 'latin1');
      return;
    default:
      if (closes) socket.end(text, 'latin1');
      else socket.write(text, 'latin1');
  }
}

function serve(socket: Socket, journal: Journal): void {
  let text = '';
  let answered = false;
  const read = (ended: boolean): void => {
    for (;;) {
      const message = readMessage(text, { bodiless: () => false, untilClose: false, ended });
      if (message === undefined) return;
      const record = journal.find(headerOf(message.headers, 'x-case'));
      if (record === undefined) return void socket.destroy();
      if (record.scenario.upstream.early && !answered) {
        answered = true;
        answer(socket, record.scenario);
      }
      if (!message.whole && !ended) return;
      const { startLine: start, headers, body, whole } = message;
      record.upstream.push({ start, headers, body, whole });
      if (!answered && whole) answer(socket, record.scenario);
      answered = false;
      text = text.slice(message.length);
      if (!whole || text === '') return;
    }
  };
  socket.setEncoding('latin1');
  socket.on('data', (part: string) => {
    text += part;
    read(false);
  });
  socket.on('end', () => {
    if (text !== '') read(true);
    socket.end();
  });
  socket.on('error', () => undefined);
}

/** Starts it on a free port. */
export async function startUpstream(journal: Journal): Promise<PlannedUpstream> {
  const sockets = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    serve(socket, journal);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
