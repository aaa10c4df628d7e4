import { createHash } from 'node:crypto';

const CHUNK_BYTES = 64 * 1024;

/** `size` bytes that depend on `seed`, a chunk at a time; the same ones every time. */
export function* upload(size: number, seed: string): Generator<Uint8Array> {
  const block = createHash('sha512').update(seed).digest();
  for (let at = 0; at < size; at += CHUNK_BYTES) {
    const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, size - at), block);
    // no two chunks are alike, so that a lost or swapped one shows in the hash
    if (chunk.length >= 8) chunk.writeBigUInt64LE(BigInt(at));
    yield chunk;
  }
}

/** The SHA-256 of what comes, in hex, and how long it is. */
export async function hashOf(
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.byteLength;
    hash.update(chunk);
  }
  return { bytes, sha256: hash.digest('hex') };
}
