import { randomBytes } from 'node:crypto';

/** Length of a message, in bytes. */
const MESSAGE_BYTES = 4_096;

const BINARY = 0x82;
const LENGTH_FOLLOWS = 126;
const MASKED = 0x80;

function frame(isMasked: boolean): Buffer {
  const head = Buffer.from([
    BINARY,
    LENGTH_FOLLOWS | (isMasked ? MASKED : 0),
    MESSAGE_BYTES >> 8,
    MESSAGE_BYTES & 0xff,
  ]);
  return Buffer.concat([head, randomBytes(MESSAGE_BYTES + (isMasked ? 4 : 0))]);
}

/** Frame of a client: masked. */
export const CLIENT_FRAME: Buffer = frame(true);
export const CLIENT_FRAME_BYTES: number = CLIENT_FRAME.byteLength;
/** Frame of a server. */
export const SERVER_FRAME: Buffer = frame(false);
export const SERVER_FRAME_BYTES: number = SERVER_FRAME.byteLength;
