import { createHash } from 'node:crypto';

import type { LargeBodyBuffer } from '../src/index.ts';

export const MIB: number = 1024 ** 2;

/** `size` bytes that look random, in chunks; all chunks are the same memory, as a socket that reuses its own gives. */
export function* chunksOf(size: number, chunkSize = 65_521): Generator<Uint8Array, undefined> {
  const memory = new Uint8Array(chunkSize);
  const words = new Uint32Array(memory.buffer, 0, chunkSize >> 2);
  for (let done = 0, state = 1; done < size; done += chunkSize) {
    for (let i = 0; i < words.length; i++) words[i] = state = Math.imul(state, 1_664_525) + 1_013_904_223;
    yield memory.subarray(0, size - done);
  }
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Writes `size` bytes and gives their SHA-256. */
export function fill(buffer: LargeBodyBuffer, size: number): string {
  const hash = createHash('sha256');
  for (const chunk of chunksOf(size)) {
    hash.update(chunk);
    buffer.writeChunk(chunk);
  }
  return hash.digest('hex');
}

export async function sha256OfStream(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of stream) hash.update(chunk);
  return hash.digest('hex');
}
