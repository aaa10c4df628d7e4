/** Up to this length a message gets its memory at once, whatever has come of it: a chunk of 64 KiB and its fields. */
const PROMPT_BYTES = 66 * 1024;
/** Up to this length it comes from the buffer that Node shares out. */
const SHARED_BYTES = 4 * 1024;
/** Longer messages grow by this factor, so memory follows what came and not what was announced. */
const GROWTH = 4;

/**
 * Gives memory for a message that comes in pieces; it is never given out again.
 *
 * @param total its length
 * @param have bytes that have come
 */
export function allocateMessage(total: number, have: number): Buffer {
  if (total <= SHARED_BYTES) return Buffer.allocUnsafe(total);
  return Buffer.allocUnsafeSlow(Math.min(total, Math.max(PROMPT_BYTES, have * GROWTH)));
}
