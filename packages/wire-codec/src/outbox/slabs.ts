/** Bytes of a buffer that connections take in turn. */
const SLAB_BYTES: number = 256 * 1024;

// Shared by all connections of the process, so that one with nothing to send holds none.
const MAX_SPARE = 16;
const spare: Slab[] = [];

/** A buffer to write into, and how many writes from it are under way. */
export interface Slab {
  readonly bytes: Buffer;
  flying: number;
}

/** Makes a slab of its own for `length` bytes; it is not shared. */
export function ownSlab(length: number): Slab {
  return { bytes: Buffer.allocUnsafeSlow(length), flying: 0 };
}

/** Takes a slab with room for `length` bytes at least. */
export function takeSlab(length: number): Slab {
  return length > SLAB_BYTES ? ownSlab(length) : (spare.pop() ?? ownSlab(SLAB_BYTES));
}

/** Gives a slab back that nobody reads any more. */
export function giveSlabBack(slab: Slab): void {
  if (slab.bytes.length === SLAB_BYTES && spare.length < MAX_SPARE) spare.push(slab);
}
