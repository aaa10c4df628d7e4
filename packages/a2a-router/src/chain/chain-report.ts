import { type ChainEvent, formatHead } from './chain-event.ts';
import type { ChainAlgorithm } from './chain-scheme.ts';
import type { ChainVerifier } from './chain-verifier.ts';

/** Result of `verifyChainFile`. */
export interface ChainReport {
  /** True when everything is sound. */
  readonly ok: boolean;
  /** Entries that were found sound, in order, before the end or the problem. */
  readonly entries: number;
  /** Format of the chain; undefined when it could not be told. */
  readonly format: 1 | 2 | undefined;
  /** Protection of the chain; undefined when it is unknown. */
  readonly algorithm: ChainAlgorithm | undefined;
  /** The last sound entry as `sequence:hash`. */
  readonly head: string | undefined;
  /** File of the problem, which is another one than `path` when segments are verified. */
  readonly path: string;
  /** Number of the segment that was read last, from 1. */
  readonly segment: number;
  /** Line on which the problem is, from 1. */
  readonly line: number | undefined;
  /** Problems. */
  readonly problem: string | undefined;
  /** The whole in a few lines for people. */
  readonly summary: string;
}

/** State of a verification: what the file claims to be, and how far it was read. */
export interface Found {
  verifier: ChainVerifier | undefined;
  format: 1 | 2 | undefined;
  algorithm: ChainAlgorithm | undefined;
  line: number;
}

/** Makes the report on one file; `problem` is what is wrong with it, `head` the one that was given. */
export function report(path: string, found: Found, head: string | undefined, problem: string | undefined): ChainReport {
  const last = found.verifier?.last;
  const first = found.verifier?.first;
  const entries = last === undefined ? 0 : last.sequence + 1;
  const lines = [`${path}: ${problem === undefined ? 'sound' : 'NOT SOUND'}`];
  if (found.format !== undefined) lines.push(`format    ${found.format}, ${found.algorithm ?? 'unknown'}`);
  lines.push(`entries   ${entries}${problem === undefined ? '' : ' sound before the problem'}`);
  const segment = found.verifier?.segment ?? 1;
  if (segment > 1) lines.push(`segment   ${segment}, after ${found.verifier?.previousHead ?? 'none'}`);
  if (first !== undefined && last !== undefined) lines.push(`time      ${when(first)} to ${when(last)}`);
  if (last !== undefined) lines.push(`head      ${formatHead(last)}`);
  if (problem !== undefined) lines.push(`problem   line ${found.line}: ${problem}`);
  else if (found.algorithm === 'shake256')
    lines.push('note      no key: a rewrite of the whole file would not be seen');
  if (head === undefined) lines.push('note      no head was given: entries cut off the end would not be seen');
  return {
    ok: problem === undefined,
    path,
    segment: found.verifier?.segment ?? 1,
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
