import { createHash } from 'node:crypto';

/** Value that RFC 6455 §4.2.2 appends to the client's key. */
const KEY_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Returns the `sec-websocket-accept` that answers a client's `sec-websocket-key`. */
export function acceptKey(key: string): string {
  return createHash('sha1')
    .update(key + KEY_SUFFIX)
    .digest('base64');
}
