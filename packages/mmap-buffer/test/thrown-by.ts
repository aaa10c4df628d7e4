import { AgentwireError } from '@agentwire/core';

/** The `AgentwireError` that `work` throws; fails on anything else. */
export function thrownBy(work: () => unknown): AgentwireError {
  try {
    work();
  } catch (error) {
    if (error instanceof AgentwireError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
