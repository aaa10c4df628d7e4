import type { WalkSize } from './walk.ts';

/**
 * Limits of one warm request, both ends together: a change that needs more has to say why here.
 */
export const LIMITS: WalkSize = { files: 55, calls: 465 };

/** Returns one line per limit that a walk exceeds. */
export function excesses(size: WalkSize): readonly string[] {
  return (['files', 'calls'] as const)
    .filter((what) => size[what] > LIMITS[what])
    .map((what) => `${size[what]} ${what}, the limit is ${LIMITS[what]}`);
}
