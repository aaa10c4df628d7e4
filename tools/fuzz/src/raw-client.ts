import { connect } from 'node:net';
import { readMessage, type HttpMessage } from './http-text.ts';
import type { Scenario } from './scenario.ts';

/** Response as a client received it. */
export interface ClientView {
  /** The final response, as far as it came. */
  readonly response: HttpMessage | undefined;
  /** Violation of HTTP in the received bytes. */
  readonly fault: string | undefined;
  /** Set when nothing ended within the limit. */
  readonly hung: boolean;
}

/** The bytes of a scenario's request, in the pieces they are written in. */
function requestPieces({ id, request }: Scenario): string[] {
  const { method, version, headers, body, spoil } = request;
  let { target } = request;
  if (spoil === 'fragment') target += '#top';
  if (spoil === 'raw bytes in the target') target += '\u00e4\u0001';
  const colon = spoil === 'space before colon' ? ' :' : ':';
  const lines = headers.map(([name, value], at) => `${name}${at === 0 ? colon : ':'} ${value}`);
  if (spoil !== 'no host') lines.unshift('Host: fuzz.test');
  if (spoil === 'two hosts') lines.unshift('Host: other.test');
  lines.push(`x-case: ${id}`);
  const whole = body.pieces.join('');
  if (body.framing === 'length') lines.push(`Content-Length: ${whole.length}`);
  if (body.framing === 'chunked') lines.push('Transfer-Encoding: chunked');
  if (spoil === 'two lengths') lines.push('Content-Length: 3', 'Content-Length: 4');
  if (spoil === 'length and chunked') lines.push('Content-Length: 3', 'Transfer-Encoding: chunked');
  if (spoil === 'negative length') lines.push('Content-Length: -1');
  if (spoil === 'NUL in a value') lines.push('x-nul: a\u0000b');
  if (spoil === 'huge header') lines.push(`x-huge: ${'h'.repeat(200_000)}`);
  if (spoil === 'obs-fold') lines.push('x-fold: a\r\n b');
  const end = spoil === 'bare LF' ? '\n' : '\r\n';
  const head = `${method} ${target} HTTP/${spoil === 'version 9.9' ? '9.9' : version}${end}${lines.join(end)}${end}${end}`;
  const pieces = [head];
  if (body.framing === 'length') pieces.push(...body.pieces);
  if (body.framing === 'chunked') {
    const size = (piece: string): string => (spoil === 'bad chunk size' ? 'zz' : piece.length.toString(16));
    for (const piece of body.pieces) if (piece !== '') pieces.push(`${size(piece)}\r\n${piece}\r\n`);
    pieces.push('0\r\n\r\n');
  }
  if (spoil === 'cut body') pieces.pop();
  if (spoil === 'bytes after the end') pieces.push('GARBAGE\r\n\r\n');
  return pieces;
}

/** Plays a scenario's client against a gateway. @param limitMs how long it waits for an end */
export function playClient(url: string, scenario: Scenario, limitMs: number): Promise<ClientView> {
  const { method, spoil } = scenario.request;
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.setEncoding('latin1');
  let text = '';
  let fault: string | undefined;
  let response: HttpMessage | undefined;
  const { promise, resolve } = Promise.withResolvers<ClientView>();
  const finish = (hung = false): void => {
    clearTimeout(timer);
    socket.destroy();
    resolve({ response, fault, hung });
  };
  const timer = setTimeout(() => finish(true), limitMs);
  const bodiless = (line: string): boolean => method === 'HEAD' || /^HTTP\/1\.\d (1\d\d|204|304) /.test(line);
  const read = (ended: boolean): void => {
    try {
      for (;;) {
        response = readMessage(text, { bodiless, untilClose: true, ended });
        if (response === undefined || !/^HTTP\/1\.\d 1\d\d /.test(response.startLine)) break;
        text = text.slice(response.length);
      }
      if (response?.whole === true) finish();
    } catch (error) {
      fault = (error as Error).message;
      finish();
    }
  };
  socket.on('data', (part: string) => {
    text += part;
    if (scenario.client === 'slow') {
      socket.pause();
      setTimeout(() => socket.resume(), 3);
    }
    if (scenario.client === 'leaves while reading') return finish();
    read(false);
  });
  socket.on('close', () => {
    read(true);
    finish();
  });
  socket.on('error', () => undefined);
  const pieces = requestPieces(scenario);
  if (scenario.client === 'leaves while sending') {
    socket.write(pieces.slice(0, -1).join('') || pieces[0]?.slice(0, 9) || '', 'latin1', () => setTimeout(finish, 2));
    return promise;
  }
  for (const piece of pieces) socket.write(piece, 'latin1');
  // the rest of a body that was cut must not be waited for
  if (spoil === 'cut body') socket.end();
  return promise;
}
