/** Shorter memories are left to the garbage collector. */
const MIN_FREED_BYTES = 4 * 1024;

/**
 * Frees the memory of bytes that nothing reads any more, where it is theirs alone; they are empty from then on. Does nothing to
 * views of a part of a memory, and to short ones.
 *
 * Bodies pass through a process as one memory after the other. V8 collects its whole heap for every 16 MiB of them that it is
 * left to find, 23 times for 400 MiB; freed here, they cost next to nothing.
 */
export function freeMemory(bytes: Uint8Array): void {
  if (isWhole(bytes)) bytes.buffer.transfer(0);
}

function isWhole(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  const { buffer, byteLength } = bytes;
  return byteLength >= MIN_FREED_BYTES && buffer.byteLength === byteLength && buffer instanceof ArrayBuffer;
}

/** Memories that hold one received message each, and nothing else. */
const ofOneMessage = new WeakSet<ArrayBufferLike>();

/** Marks the memory of a received message, which was allocated for it: its receiver may free it. */
export function markMessage(bytes: Uint8Array): void {
  if (isWhole(bytes)) ofOneMessage.add(bytes.buffer);
}

/**
 * Frees the memory of the message that `data` is a part of, where {@link markMessage} has marked it; every view of it is empty from
 * then on. Does nothing to other memories, such as that of a read with several messages.
 */
export function freeMessage({ buffer }: Uint8Array): void {
  if (ofOneMessage.delete(buffer)) (buffer as ArrayBuffer).transfer(0);
}
