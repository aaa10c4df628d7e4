import { createPublicKey, type KeyObject } from 'node:crypto';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { AgentwireError, checkKnownOptions, toAgentwireError } from '@agentwire/core';
import { type ChainEvent, formatHead } from './chain-event.ts';
import { readLines } from './chain-lines.ts';
import { readChainLine } from './chain-line.ts';
import { type ChainAlgorithm, createChainScheme } from './chain-scheme.ts';
import { ChainVerifier } from './chain-verifier.ts';

/** What {@link verifyChainFile} checks against. */
export interface VerifyChainOptions {
  /** Secret of a keyed chain, or Ed25519 key of a signed one. With a key, a chain that is not protected by it fails. */
  readonly key?: Uint8Array | KeyObject;
  /** A head, `sequence:hash`, that was kept outside; without one truncation at an entry cannot be found. */
  readonly head?: string;
}

/** What {@link verifyChainFile} found. */
export interface ChainReport {
  /** Whether everything is sound. */
  readonly ok: boolean;
  /** Entries that were found sound, in order, before the end or the problem. */
  readonly entries: number;
  /** Format of the chain; undefined when it could not be told. */
  readonly format: 1 | 2 | undefined;
  /** How it is protected; undefined when it could not be told. */
  readonly algorithm: ChainAlgorithm | undefined;
  /** The last sound entry as `sequence:hash`. */
  readonly head: string | undefined;
  /** Line on which the problem is, from 1. */
  readonly line: number | undefined;
  /** What is wrong. */
  readonly problem: string | undefined;
  /** The whole in a few lines for people. */
  readonly summary: string;
}

/** Reads the key of a chain from a file: a PEM key, 32 or more hex digits, or the bytes as they are. */
export function readChainKey(path: string): Uint8Array | KeyObject {
  const bytes = attempt(path, () => readFileSync(path));
  const text = bytes.toString('latin1').trim();
  if (text.startsWith('-----BEGIN')) return createPublicKey(text);
  return /^(?:[0-9a-fA-F]{2}){16,}$/.test(text) ? new Uint8Array(Buffer.from(text, 'hex')) : new Uint8Array(bytes);
}

/**
 * Reads a chain file from its first entry to its last and tells whether every hash, key and signature holds.
 *
 * A chain that is not sound is a report with `ok: false`; only a file that cannot be read throws (`ERR_IO`).
 */
export function verifyChainFile(path: string, options: VerifyChainOptions = {}): ChainReport {
  checkKnownOptions('verifyChainFile', options, ['key', 'head']);
  const fd = attempt(path, () => openSync(path, 'r'));
  const found: Found = { verifier: undefined, format: undefined, algorithm: undefined, line: 0 };
  try {
    for (const raw of readLines(fd)) {
      found.line += 1;
      if (!raw.whole) throw new AgentwireError('ERR_INTEGRITY', 'the last line is torn');
      if (raw.text === undefined) throw new AgentwireError('ERR_INTEGRITY', 'the line is no UTF-8');
      const line = readChainLine(raw.text);
      found.verifier ??= begin(line, options, found);
      found.verifier.next(line);
    }
    if (found.verifier === undefined) throw new AgentwireError('ERR_INTEGRITY', 'the chain is empty');
    found.verifier.finish();
    return report(path, found, options, undefined);
  } catch (error) {
    const wrong = toAgentwireError(error, 'ERR_IO', path);
    if (wrong.code !== 'ERR_INTEGRITY') throw wrong;
    return report(path, found, options, wrong.message);
  } finally {
    closeSync(fd);
  }
}

interface Found {
  verifier: ChainVerifier | undefined;
  format: 1 | 2 | undefined;
  algorithm: ChainAlgorithm | undefined;
  line: number;
}

/** The first entry says how the chain claims to be protected; the key that was given says how it must be. */
function begin(line: ChainEvent, { key, head }: VerifyChainOptions, found: Found): ChainVerifier {
  const claim = genesisClaim(line);
  found.format = claim.format;
  found.algorithm = claim.algorithm;
  const { chainId } = claim;
  const wanted = key === undefined ? 'shake256' : key instanceof Uint8Array ? 'hmac-sha256' : 'ed25519';
  if (wanted !== claim.algorithm) {
    const protection = claim.algorithm === 'shake256' ? 'without a key' : `with ${claim.algorithm}`;
    const given = key === undefined ? 'no key was given' : `a key for ${wanted} was given`;
    throw new AgentwireError('ERR_INTEGRITY', `the chain says it is made ${protection}, but ${given}`);
  }
  if (key === undefined) return new ChainVerifier(createChainScheme({ format: 1, chainId }), head);
  const scheme = createChainScheme(key instanceof Uint8Array ? { chainId, key } : { chainId, signingKey: key });
  return new ChainVerifier(scheme, head);
}

function genesisClaim(line: ChainEvent): {
  readonly format: 1 | 2;
  readonly algorithm: ChainAlgorithm;
  readonly chainId: number;
} {
  const claim = JSON.parse(line.payload ?? '{}') as { format?: unknown; algorithm?: unknown; chain_id?: unknown };
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

function report(path: string, found: Found, { head }: VerifyChainOptions, problem: string | undefined): ChainReport {
  const last = found.verifier?.last;
  const first = found.verifier?.first;
  const entries = last === undefined ? 0 : last.sequence + 1;
  const lines = [`${path}: ${problem === undefined ? 'sound' : 'NOT SOUND'}`];
  if (found.format !== undefined) lines.push(`format    ${found.format}, ${found.algorithm ?? 'unknown'}`);
  lines.push(`entries   ${entries}${problem === undefined ? '' : ' sound ones before the problem'}`);
  if (first !== undefined && last !== undefined) lines.push(`time      ${when(first)} to ${when(last)}`);
  if (last !== undefined) lines.push(`head      ${formatHead(last)}`);
  if (problem !== undefined) lines.push(`problem   line ${found.line}: ${problem}`);
  else if (found.algorithm === 'shake256')
    lines.push('note      no key: a rewrite of the whole file would not be seen');
  if (head === undefined) lines.push('note      no head was given: entries cut off the end would not be seen');
  return {
    ok: problem === undefined,
    entries,
    format: found.format,
    algorithm: found.algorithm,
    head: last === undefined ? undefined : formatHead(last),
    line: problem === undefined ? undefined : found.line,
    problem,
    summary: lines.join('\n'),
  };
}

function when({ seconds, nanos }: ChainEvent): string {
  const milliseconds = seconds * 1000 + Math.floor(nanos / 1e6);
  return Math.abs(milliseconds) <= 8.64e15 ? new Date(milliseconds).toISOString() : `${seconds} s`;
}

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw toAgentwireError(error, 'ERR_IO', path);
  }
}
