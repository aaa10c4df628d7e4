import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { AgentwireError } from '@agentwire/core';
import { checkInteger } from '@agentwire/core/internal';
import { canonicalJson } from './canonical-json.ts';
import type { ChainEvent } from './chain-event.ts';
import { EntryWriter } from './chain-format.ts';
import { type ChainDigest, createHmacDigest, shakeDigest } from './chain-hash.ts';

/** Protection of a chain: none beyond its hashes (format 1), a secret key, or signatures. */
export type ChainAlgorithm = 'shake256' | 'hmac-sha256' | 'ed25519';

/** Format, number and keys of a chain. */
export interface ChainSchemeOptions {
  /** 1 is the original's format, without a key; 2 is keyed or signed. Default 2. */
  readonly format?: 1 | 2 | undefined;
  /** Number of the chain, 0 to 4 294 967 295, part of every hash. Default 0. */
  readonly chainId?: number | undefined;
  /** Secret of 16 bytes or more for HMAC-SHA-256 over every entry. */
  readonly key?: Uint8Array | undefined;
  /** Ed25519 key: a private one to write, a public or private one to verify; each group of entries is signed. */
  readonly signingKey?: KeyObject | undefined;
}

/** Place and time of a signature, which covers both. */
type SignedPlace = Pick<ChainEvent, 'sequence' | 'seconds' | 'nanos'>;

/** The rules of one chain: its genesis, its hashes and, if it is signed, its signatures. */
export interface ChainScheme {
  readonly format: 1 | 2;
  readonly chainId: number;
  readonly algorithm: ChainAlgorithm;
  /** Payload of the entry that every chain begins with. */
  readonly genesis: string;
  /** Payload of the entry that a later segment begins with, after the head of the segment before. */
  segmentStart(segment: number, previousHead: string): string;
  /** Hash of an entry over the one before it. */
  hashEntry(draft: Omit<ChainEvent, 'hash'>, previous: string): string;
  /** Signature, in hex, for an entry at that place and time after the entry with that hash; needs a private key. */
  sign(place: SignedPlace, previous: string): string;
  /** Tells whether a signature for that place is sound. */
  isSigned(place: SignedPlace, previous: string, signature: string): boolean;
}

/**
 * Makes the rules of a chain; format 2 needs exactly one of `key` and `signingKey`, format 1 takes neither.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT`
 */
export function createChainScheme(options: ChainSchemeOptions): ChainScheme {
  const format = options.format ?? 2;
  const chainId = checkInteger('chainId', options.chainId ?? 0, 0, 0xffff_ffff);
  const { key, signingKey } = options;
  const algorithm = chooseAlgorithm(format, key, signingKey);
  const digest: ChainDigest = key === undefined ? shakeDigest : createHmacDigest(key);
  const writer = new EntryWriter(format, chainId, digest.prefix);
  const signed = ({ sequence, seconds, nanos }: SignedPlace, previous: string): Buffer =>
    Buffer.from(`agentwire-chain/2 ${chainId} ${sequence} ${seconds} ${nanos} ${previous}`);
  const publicKey = signingKey?.type === 'private' ? createPublicKey(signingKey) : signingKey;
  return {
    format,
    chainId,
    algorithm,
    genesis: canonicalJson(format === 1 ? { chain_id: chainId } : { algorithm, chain_id: chainId, format }),
    segmentStart: (segment, previous) =>
      canonicalJson(
        format === 1
          ? { chain_id: chainId, previous, segment }
          : { algorithm, chain_id: chainId, format, previous, segment },
      ),
    hashEntry: (draft, previous) => digest.entry(writer.bytes(draft, previous)),
    sign: (place, previous) => {
      if (signingKey?.type !== 'private')
        throw new AgentwireError('ERR_INVALID_ARGUMENT', 'signing needs a private Ed25519 key');
      return sign(null, signed(place, previous), signingKey).toString('hex');
    },
    isSigned: (place, previous, signature) =>
      publicKey !== undefined &&
      /^[0-9a-f]{128}$/.test(signature) &&
      verify(null, signed(place, previous), publicKey, Buffer.from(signature, 'hex')),
  };
}

function chooseAlgorithm(
  format: number,
  key: Uint8Array | undefined,
  signingKey: KeyObject | undefined,
): ChainAlgorithm {
  if (format === 1) {
    if (key !== undefined || signingKey !== undefined) throw invalid('chain format 1 takes no key; format 2 does');
    return 'shake256';
  }
  if (format !== 2) throw invalid(`format must be 1 or 2, got ${String(format)}`);
  if ((key === undefined) === (signingKey === undefined))
    throw invalid('chain format 2 needs either a key or a signingKey');
  if (key !== undefined) {
    if (!(key instanceof Uint8Array) || key.length < 16) throw invalid('key must have 16 bytes or more');
    return 'hmac-sha256';
  }
  if (signingKey?.asymmetricKeyType !== 'ed25519') throw invalid('signingKey must be an Ed25519 key');
  return 'ed25519';
}

function invalid(message: string): AgentwireError {
  return new AgentwireError('ERR_INVALID_ARGUMENT', message);
}
