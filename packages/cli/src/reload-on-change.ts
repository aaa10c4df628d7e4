import type { Logger } from '@agentwire/core';
import { UsageError } from './usage-error.ts';
import type { WatchedFiles } from './watch/watched-files.ts';

/** Returns a reload that logs why it failed. */
export function loggedReload(reload: () => Promise<void>, logger: Logger): () => Promise<void> {
  return async () => {
    try {
      await reload();
    } catch (error) {
      // what is wrong in a file is no fault of this program, whose stack would find it
      const fields = error instanceof UsageError ? { reason: error.message } : { err: error };
      logger.error(fields, 'the configuration was not reloaded; the former one stays in effect');
      throw error;
    }
  };
}

/** Reloads on SIGHUP, and when one of `watched` has changed. @returns what ends that */
export function reloadOnChange(
  watched: WatchedFiles | undefined,
  again: () => Promise<void>,
  logger: Logger,
): () => void {
  const reload = (): void => {
    // the reload has logged it
    again().catch(() => undefined);
  };
  const ended = new AbortController();
  const watch = async (files: WatchedFiles): Promise<void> => {
    for (;;) {
      const file = await files.changed(ended.signal);
      if (ended.signal.aborted) return;
      logger.info({ file }, 'a file of the configuration has changed');
      reload();
    }
  };
  process.on('SIGHUP', reload);
  if (watched !== undefined) void watch(watched);
  return () => {
    process.off('SIGHUP', reload);
    ended.abort();
  };
}
