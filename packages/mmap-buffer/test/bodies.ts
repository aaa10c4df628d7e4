import { createHash } from 'node:crypto';

import type { LargeBodyBuffer } from '../src/index.ts';

export const MIB: number = 1024 ** 2;

/** Bytes that repeat nowhere at a distance that a mistake would have: a multiplicative sequence. */
export function* chunksOf(size: number, chunkSize = 65_521): Generator<Uint8Array, undefined> {
  let state = 1;
  for (let done = 0; done < size; done += chunkSize) {
    const chunk = new Uint8Array(Math.min(chunkSize, size - done));
    const words = new Uint32Array(chunk.buffer, 0, chunk.length >> 2);
    for (let i = 0; i < words.length; i++) words[i] = state = Math.imul(state, 1_664_525) + 1_013_904_223;
    for (let i = words.length * 4; i < chunk.length; i++) chunk[i] = state = (state + 7) | 0;
    yield chunk;
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
