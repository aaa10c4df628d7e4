/** Length of a slab in bytes. */
export const SLAB_BYTES: number = 128 * 1024;

// Shared by all connections: one of them may be busy for a moment, and none has to keep slabs for the next moment.
const MAX_SPARE = 32;
const spare: Buffer[] = [];

/** A buffer of at least `length` bytes: a slab, where that is enough. What is in it is left over from others. */
export function takeSlab(length: number): Buffer {
  if (length > SLAB_BYTES) return Buffer.allocUnsafeSlow(length);
  return spare.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
}

/** Gives back a buffer that nothing refers to any more. At most 4 MiB are kept; buffers of other lengths never. */
export function giveSlab(buffer: Buffer): void {
  if (buffer.length === SLAB_BYTES && spare.length < MAX_SPARE) spare.push(buffer);
}
