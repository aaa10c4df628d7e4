/** Shorter memories are left to the garbage collector. */
const MIN_FREED_BYTES = 4 * 1024;

/**
 * Frees the memory of bytes that nothing reads any more, where it is theirs alone; they are empty from then on. Does nothing to
 * views of a part of a memory, and to short ones.
 *
 * Bodies pass through a process as one memory after the other. V8 collects its whole heap for every 16 MiB of them that it is
 * left to find, 23 times for 400 MiB; freed here, they cost next to nothing.
 */
export function freeMemory({ buffer, byteLength }: Uint8Array): void {
  if (byteLength >= MIN_FREED_BYTES && buffer.byteLength === byteLength && buffer instanceof ArrayBuffer)
    buffer.transfer(0);
}
