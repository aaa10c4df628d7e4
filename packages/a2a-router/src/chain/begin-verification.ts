import type { KeyObject } from 'node:crypto';
import { AgentwireError } from '@agentwire/core';
import { type ChainEvent, ZERO_HASH } from './chain-event.ts';
import type { Found } from './chain-report.ts';
import { type ChainAlgorithm, createChainScheme } from './chain-scheme.ts';
import { ChainVerifier, SEGMENT_KIND, startOf } from './chain-verifier.ts';

/** A secret of a keyed chain, or an Ed25519 key of a signed one. */
export type ChainKey = Uint8Array | KeyObject;

/** The first entry says how the chain claims to be protected; the keys that were given say how it must be. */
export function begin(
  line: ChainEvent,
  keys: readonly ChainKey[],
  options: { readonly head?: string | undefined; readonly chainId?: number | undefined },
  found: Found,
  anchor: ChainEvent | undefined,
): ChainVerifier {
  const claim = genesisClaim(line);
  found.format = claim.format;
  found.algorithm = claim.algorithm;
  const { chainId } = claim;
  if (options.chainId !== undefined && options.chainId !== chainId)
    throw new AgentwireError('ERR_INTEGRITY', `the chain has the number ${chainId}, not ${options.chainId}`);
  const [first] = keys;
  const fitting = keys.filter((key) => algorithmOf(key) === claim.algorithm);
  if (first === undefined ? claim.algorithm !== 'shake256' : fitting.length === 0) {
    const protection = claim.algorithm === 'shake256' ? 'without a key' : `with ${claim.algorithm}`;
    const given =
      first === undefined
        ? 'no key was given: give the option key, or --key-file FILE on the command line'
        : `a key for ${algorithmOf(first)} was given`;
    throw new AgentwireError('ERR_INTEGRITY', `the chain says it is made ${protection}, but ${given}`);
  }
  const schemes = fitting.map((key) =>
    createChainScheme(key instanceof Uint8Array ? { chainId, key } : { chainId, signingKey: key }),
  );
  // of several secrets the one that made the first entry is the one; a signature is checked where it stands.
  const previous = anchor?.hash ?? previousHash(line);
  const chosen =
    schemes.length > 1 && claim.algorithm === 'hmac-sha256'
      ? schemes.find((scheme) => scheme.hashEntry(line, previous) === line.hash)
      : schemes[0];
  return new ChainVerifier(chosen ?? schemes[0] ?? createChainScheme({ format: 1, chainId }), options.head, anchor);
}

function algorithmOf(key: ChainKey): ChainAlgorithm {
  return key instanceof Uint8Array ? 'hmac-sha256' : 'ed25519';
}

function previousHash(line: ChainEvent): string {
  return line.kind === SEGMENT_KIND ? (/:([0-9a-f]{64})$/.exec(startOf(line).previous)?.[1] ?? ZERO_HASH) : ZERO_HASH;
}

function genesisClaim(line: ChainEvent): {
  readonly format: 1 | 2;
  readonly algorithm: ChainAlgorithm;
  readonly chainId: number;
} {
  const claim = Object(JSON.parse(line.payload ?? '{}') ?? {}) as {
    format?: unknown;
    algorithm?: unknown;
    chain_id?: unknown;
  };
  const chainId = claim.chain_id;
  if (typeof chainId !== 'number' || !Number.isInteger(chainId) || chainId < 0 || chainId > 0xffff_ffff) {
    throw new AgentwireError('ERR_INTEGRITY', 'the chain does not begin with a genesis');
  }
  if (claim.format === undefined) return { format: 1, algorithm: 'shake256', chainId };
  if (claim.format !== 2 || (claim.algorithm !== 'hmac-sha256' && claim.algorithm !== 'ed25519')) {
    throw new AgentwireError('ERR_INTEGRITY', 'the chain is of a format that is not known');
  }
  return { format: 2, algorithm: claim.algorithm, chainId };
}
