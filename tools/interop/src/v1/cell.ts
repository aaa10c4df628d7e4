import type { Outcome } from '../outcome/outcome.ts';

/** Origin of a program: agentwire, or the last released crate with version 1. */
export type Side = 'ours' | 'crate';

/** Pairing of asking and deciding side in version 1. */
export interface VersionOneCell {
  readonly proxy: Side;
  readonly agent: Side;
}

/** A pair that was played. */
export interface VersionOnePlayed extends VersionOneCell {
  readonly outcomes: readonly Outcome[];
}

const CELLS: readonly VersionOneCell[] = [
  { proxy: 'ours', agent: 'ours' },
  { proxy: 'ours', agent: 'crate' },
  { proxy: 'crate', agent: 'ours' },
  { proxy: 'crate', agent: 'crate' },
];

/** Every pair; where the crate is not there, only ours with ours. */
export function versionOneCells(withCrate: boolean): readonly VersionOneCell[] {
  return withCrate ? CELLS : CELLS.slice(0, 1);
}
