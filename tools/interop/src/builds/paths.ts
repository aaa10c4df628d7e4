import { fileURLToPath } from 'node:url';

/** A path in this tool's folder. */
export function here(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}

/** The command line's program. */
export const AGENTWIRE: string = here('../../packages/cli/bin/agentwire.js');
