import { randomFillSync } from 'node:crypto';

const ID_BYTES = 16;
const POOL_IDS = 512;
const pool: Buffer = Buffer.allocUnsafe(ID_BYTES * POOL_IDS);
let offset = pool.length;

/** Gives a random id of 128 bits as 32 hex digits; cheap, because random bytes are fetched 512 ids at a time. */
export function createMessageId(): string {
  if (offset === pool.length) {
    randomFillSync(pool);
    offset = 0;
  }
  const start = offset;
  offset += ID_BYTES;
  return pool.toString('hex', start, offset);
}
