import { IncomingMessage } from 'node:http';
import type { ClientRequest } from '../client-messages.ts';
import { BadRequest } from '../response/refusal.ts';

/** Returns whether a list of protocols has `websocket`. */
function listsWebSocket(upgrade: string | undefined): boolean {
  return upgrade !== undefined && upgrade.split(',').some((protocol) => protocol.trim().toLowerCase() === 'websocket');
}

/** Returns whether an HTTP/1.1 request asks for a WebSocket as RFC 6455 §4.1 has it: by GET, and without a body. */
function asksForWebSocket({ method, httpVersionMajor, httpVersionMinor, headers }: IncomingMessage): boolean {
  if (method !== 'GET' || httpVersionMajor !== 1 || httpVersionMinor !== 1) return false;
  if (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0) return false;
  return listsWebSocket(headers.upgrade);
}

/**
 * Request of a server with an `upgrade` listener. Node gives that listener every request with `Upgrade`; those that ask for
 * another protocol than a WebSocket, as Java's client does for HTTP/2 with each first request, stay requests like others.
 */
export class UpgradeRequest extends IncomingMessage {
  // set by the constructor of Node's class: a field with a value would come after it
  declare parsedUpgrade: boolean | null;

  get upgrade(): boolean {
    return this.parsedUpgrade === true && (this.method === 'CONNECT' || asksForWebSocket(this));
  }

  set upgrade(value: boolean | null) {
    this.parsedUpgrade = value;
  }
}

/** Checks the fields of a handshake that the gateway relies on (RFC 6455 §4.2.1). @throws BadRequest */
export function checkHandshake({ headers }: Pick<ClientRequest, 'headers'>): void {
  if (headers['sec-websocket-version'] !== '13')
    throw new BadRequest(426, 'only version 13 of the WebSocket protocol', ['sec-websocket-version', '13']);
  if (!/^[A-Za-z0-9+/]{22}==$/.test(String(headers['sec-websocket-key'])))
    throw new BadRequest(400, 'Sec-WebSocket-Key is not 16 bytes in base64');
}
