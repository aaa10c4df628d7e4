/** Length of a shared buffer, in bytes. */
const SLAB_BYTES: number = 256 * 1024;

// shared by all connections of the process, so that an idle one has none
const MAX_SPARE = 16;
const spare: Slab[] = [];

/** A buffer, and the number of its writes in flight. */
export interface Slab {
  readonly bytes: Buffer;
  flying: number;
}

/** Makes a slab of `length` bytes that is not shared. */
export function ownSlab(length: number): Slab {
  return { bytes: Buffer.allocUnsafeSlow(length), flying: 0 };
}

/** Takes a slab of at least `length` bytes. */
export function takeSlab(length: number): Slab {
  return length > SLAB_BYTES ? ownSlab(length) : (spare.pop() ?? ownSlab(SLAB_BYTES));
}

/** Returns a slab that has no write in flight. */
export function giveSlabBack(slab: Slab): void {
  if (slab.bytes.length === SLAB_BYTES && spare.length < MAX_SPARE) spare.push(slab);
}
