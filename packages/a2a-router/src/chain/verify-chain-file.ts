import type { KeyObject } from 'node:crypto';
import { closeSync, openSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { AgentwireError, toAgentwireError } from '@agentwire/core';
import { checkOptions, checkText, OPTION, type OptionTable } from '@agentwire/core/internal';
import { type ChainEvent, ZERO_HASH } from './chain-event.ts';
import { readLines } from './chain-lines.ts';
import { readChainLine } from './chain-line.ts';
import { type ChainReport, type Found, report } from './chain-report.ts';
import { type ChainAlgorithm, createChainScheme } from './chain-scheme.ts';
import { ChainVerifier, parseHead, SEGMENT_KIND, startOf } from './chain-verifier.ts';

/** A secret of a keyed chain, or an Ed25519 key of a signed one. */
type ChainKey = Uint8Array | KeyObject;

/** Keys and heads that {@link verifyChainFile} checks against. */
export interface VerifyChainOptions {
  /**
   * Secret of a keyed chain, or Ed25519 key of a signed one; several when the key was rotated. With a key, a chain that is not
   * protected by it fails.
   */
  readonly key?: ChainKey | readonly ChainKey[] | undefined;
  /** A head, `sequence:hash`, that was kept outside; without one truncation at an entry cannot be found. */
  readonly head?: string | undefined;
  /** Number that the chain must have, 0 to 4 294 967 295; without one any number is accepted. */
  readonly chainId?: number | undefined;
  /** True to verify the segments `<path>.000001`, … that are there, and the file, as a row. Default false: the file alone. */
  readonly segments?: boolean | undefined;
}

const TABLE: OptionTable<VerifyChainOptions> = {
  // looked at as the key of a chain, where it is used.
  key: () => undefined,
  head: (_name, value) => void parseHead(value as string),
  chainId: OPTION.integer(0, 0xffff_ffff),
  segments: OPTION.boolean,
};

/**
 * Reads a chain file from its first entry to its last and tells whether every hash, key and signature holds.
 *
 * A chain that is not sound is a report with `ok: false`, whatever the file holds; only a file that cannot be read throws
 * (`ERR_IO`), and options that are wrong (`ERR_INVALID_ARGUMENT`).
 */
export function verifyChainFile(path: string, options: VerifyChainOptions = {}): ChainReport {
  checkText('path', path);
  checkOptions('verifyChainFile', options, TABLE);
  for (const key of keysOf(options)) createChainScheme(key instanceof Uint8Array ? { key } : { signingKey: key });
  const paths = options.segments === true ? segmentsOf(path) : [path];
  let anchor: ChainEvent | undefined;
  let result: ChainReport | undefined;
  for (const [at, file] of paths.entries()) {
    const last = at === paths.length - 1;
    const found: Found = { verifier: undefined, format: undefined, algorithm: undefined, line: 0 };
    const problem = check(file, options, found, anchor, last);
    result = report(file, found, options.head, problem);
    if (problem !== undefined) break;
    anchor = found.verifier?.last;
  }
  if (result === undefined) throw new AgentwireError('ERR_IO', `${path}: there is no such chain`);
  return result;
}

/** Verifies one file; gives back what is wrong with it. */
function check(
  path: string,
  options: VerifyChainOptions,
  found: Found,
  anchor: ChainEvent | undefined,
  isLast: boolean,
): string | undefined {
  const fd = attempt(path, () => openSync(path, 'r'));
  try {
    for (const raw of readLines(fd)) {
      found.line += 1;
      if (!raw.whole) throw new AgentwireError('ERR_INTEGRITY', 'the last line is torn');
      if (raw.text === undefined) throw new AgentwireError('ERR_INTEGRITY', 'the line is no UTF-8');
      const line = readChainLine(raw.text);
      found.verifier ??= begin(line, options, found, anchor);
      found.verifier.next(line);
    }
    if (found.verifier === undefined) throw new AgentwireError('ERR_INTEGRITY', 'the chain is empty');
    found.verifier.finish(isLast);
    return undefined;
  } catch (error) {
    // only the system's refusal to read is no statement about the chain.
    if ((error as { readonly syscall?: unknown } | null)?.syscall !== undefined)
      throw toAgentwireError(error, 'ERR_IO', path);
    const message = error instanceof Error ? error.message : String(error);
    return isUnproven(found, options) ? `${message}, or the key is not the chain's` : message;
  } finally {
    closeSync(fd);
  }
}

/** Returns whether a key was used and it has proven nothing: it may be another chain's. */
function isUnproven({ verifier, algorithm }: Found, options: VerifyChainOptions): boolean {
  if (verifier === undefined || keysOf(options).length === 0) return false;
  return algorithm === 'ed25519' ? verifier.securedUpTo < 0 : verifier.first === undefined;
}

function segmentsOf(path: string): string[] {
  const name = `${basename(path)}.`;
  const isOne = (file: string): boolean => file.startsWith(name) && /^\d{6,}$/.test(file.slice(name.length));
  const number = (file: string): number => Number(file.slice(name.length));
  const files = attempt(path, () => readdirSync(dirname(path))).filter(isOne);
  return [
    ...files.toSorted((one, other) => number(one) - number(other)).map((file) => join(dirname(path), file)),
    path,
  ];
}

function keysOf({ key }: VerifyChainOptions): readonly ChainKey[] {
  if (key === undefined) return [];
  return Array.isArray(key) ? (key as readonly ChainKey[]) : [key as ChainKey];
}

/** The first entry says how the chain claims to be protected; the keys that were given say how it must be. */
function begin(
  line: ChainEvent,
  options: VerifyChainOptions,
  found: Found,
  anchor: ChainEvent | undefined,
): ChainVerifier {
  const claim = genesisClaim(line);
  found.format = claim.format;
  found.algorithm = claim.algorithm;
  const { chainId } = claim;
  if (options.chainId !== undefined && options.chainId !== chainId)
    throw new AgentwireError('ERR_INTEGRITY', `the chain has the number ${chainId}, not ${options.chainId}`);
  const keys = keysOf(options);
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

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw toAgentwireError(error, 'ERR_IO', path);
  }
}
