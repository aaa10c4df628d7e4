/** Length of a shared buffer, in bytes. */
const SLAB_BYTES: number = 256 * 1024;
/** Length of one for a connection that sends little, where no other is spare: large ones for each of many would be gigabytes. */
const SMALL_SLAB_BYTES: number = 16 * 1024;

// shared by all connections of the process, so that an idle one has none
const MAX_SPARE = 16;
const MAX_SPARE_SMALL = 256;
const spare: Slab[] = [];
const spareSmall: Slab[] = [];

/** A buffer, and the number of its writes in flight. */
export interface Slab {
  readonly bytes: Buffer;
  flying: number;
}

/** Makes a slab of `length` bytes that is not shared. */
export function ownSlab(length: number): Slab {
  return { bytes: Buffer.allocUnsafeSlow(length), flying: 0 };
}

/** Takes a slab of at least `length` bytes. @param busy set for a connection that has filled a shared one */
export function takeSlab(length: number, busy: boolean): Slab {
  if (length > SLAB_BYTES) return ownSlab(length);
  const large = spare.pop();
  if (large !== undefined) return large;
  return busy || length > SMALL_SLAB_BYTES ? ownSlab(SLAB_BYTES) : (spareSmall.pop() ?? ownSlab(SMALL_SLAB_BYTES));
}

/** Returns a slab that has no write in flight. */
export function giveSlabBack(slab: Slab): void {
  const { length } = slab.bytes;
  if (length === SLAB_BYTES && spare.length < MAX_SPARE) spare.push(slab);
  else if (length === SMALL_SLAB_BYTES && spareSmall.length < MAX_SPARE_SMALL) spareSmall.push(slab);
}
