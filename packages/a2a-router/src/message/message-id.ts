import { randomFillSync } from 'node:crypto';

const ID_LENGTH = 32;
/** Ids share one text, which each of them keeps alive: few, so that it is short. */
const IDS_OF_TEXT = 16;
const TEXTS_OF_POOL = 256;
const BYTES_OF_TEXT = (IDS_OF_TEXT * ID_LENGTH) / 2;
const pool: Buffer = Buffer.allocUnsafe(BYTES_OF_TEXT * TEXTS_OF_POOL);
let offset = pool.length;
let text = '';
let at = 0;

/** Gives a random id of 128 bits as 32 hex digits. It is cheap, because random bytes are fetched 4096 ids at a time and written 16 at a time. */
export function createMessageId(): string {
  if (at === text.length) {
    if (offset === pool.length) {
      randomFillSync(pool);
      offset = 0;
    }
    const start = offset;
    offset += BYTES_OF_TEXT;
    text = pool.toString('hex', start, offset);
    at = 0;
  }
  const start = at;
  at += ID_LENGTH;
  return text.slice(start, at);
}
