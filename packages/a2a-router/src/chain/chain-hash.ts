import { createHash, hash } from 'node:crypto';

/** Hash function of one chain: 32 bytes, written in hex. */
export interface ChainDigest {
  /** Bytes in the buffer before those of an entry. */
  readonly prefix: Uint8Array;
  /** Hash of an entry's bytes, with the prefix before them. */
  entry(prefixed: Uint8Array): string;
}

/** SHAKE-256 with 32 bytes of output, in hex. */
export function shake256(data: string | Uint8Array): string {
  return createHash('shake256', { outputLength: 32 }).update(data).digest('hex');
}

/** Plain SHAKE-256, for format 1 and for signed chains. */
export const shakeDigest: ChainDigest = { prefix: new Uint8Array(0), entry: shake256 };

const BLOCK = 64;

/** HMAC-SHA-256, written with one-shot hashes, which cost half of `createHmac`. */
export function createHmacDigest(key: Uint8Array): ChainDigest {
  const short = key.length > BLOCK ? createHash('sha256').update(key).digest() : key;
  const outer = Buffer.alloc(BLOCK + 32, 0x5c);
  const prefix = Buffer.alloc(BLOCK, 0x36);
  for (const [at, byte] of short.entries()) {
    outer[at] = byte ^ 0x5c;
    prefix[at] = byte ^ 0x36;
  }
  return {
    prefix,
    entry: (prefixed) => {
      // one character for each byte: neither end has to read hex.
      outer.write(hash('sha256', prefixed, 'binary'), BLOCK, 'latin1');
      return hash('sha256', outer, 'hex');
    },
  };
}
