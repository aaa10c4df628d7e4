import { createHash, hash } from 'node:crypto';

/** Keyed or plain hashing of one chain: what turns payloads and entries into 32 bytes, written in hex. */
export interface ChainDigest {
  /** Hash of a payload's canonical JSON. */
  payload(json: string): string;
  /** Hash of an entry's bytes. */
  entry(bytes: Uint8Array): string;
}

/** SHAKE-256 with 32 bytes of output, in hex. */
export function shake256(data: string | Uint8Array): string {
  return createHash('shake256', { outputLength: 32 }).update(data).digest('hex');
}

/** Plain SHAKE-256, for format 1 and for signed chains. */
export const shakeDigest: ChainDigest = { payload: shake256, entry: shake256 };

const BLOCK = 64;

/** HMAC-SHA-256 for entries and SHA-256 for payloads; written with one-shot hashes, which cost half of `createHmac`. */
export function createHmacDigest(key: Uint8Array): ChainDigest {
  const short = key.length > BLOCK ? createHash('sha256').update(key).digest() : Buffer.from(key);
  const outer = Buffer.alloc(BLOCK + 32, 0x5c);
  const pad = Buffer.alloc(BLOCK, 0x36);
  for (const [at, byte] of short.entries()) {
    outer[at] = byte ^ 0x5c;
    pad[at] = byte ^ 0x36;
  }
  let inner = Buffer.concat([pad, Buffer.alloc(4096)]);
  return {
    payload: (json) => hash('sha256', json, 'hex'),
    entry: (bytes) => {
      if (BLOCK + bytes.length > inner.length) inner = Buffer.concat([pad, Buffer.alloc(bytes.length * 2)]);
      inner.set(bytes, BLOCK);
      outer.write(hash('sha256', inner.subarray(0, BLOCK + bytes.length), 'hex'), BLOCK, 32, 'hex');
      return hash('sha256', outer, 'hex');
    },
  };
}
