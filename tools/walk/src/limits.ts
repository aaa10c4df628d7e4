import type { WalkSize } from './walk.ts';

/**
 * Limits of one warm request, both ends together: a change that needs more has to say why here.
 *
 * Two of the calls and one file are the linked list of handler runs that wait: with a `Set` the garbage collector kept all of them, at 4 µs
 * for each event that a handler does not decide at once.
 */
export const LIMITS: WalkSize = { files: 56, calls: 467 };

/** Returns one line per limit that a walk exceeds. */
export function excesses(size: WalkSize): readonly string[] {
  return (['files', 'calls'] as const)
    .filter((what) => size[what] > LIMITS[what])
    .map((what) => `${size[what]} ${what}, the limit is ${LIMITS[what]}`);
}
