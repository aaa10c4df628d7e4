import { unwatchFile, watchFile } from 'node:fs';
import type { Logger } from '@agentwire/core';
import type { GatewayFlags } from './commands/gateway-flags.ts';
import { UsageError } from './usage-error.ts';

/** Time between two looks at a watched file, in milliseconds. */
const WATCH_INTERVAL_MS = 500;

/** Reloads on SIGHUP, and with `--watch` when the file has changed. @returns what ends that */
export function reloadOnChange(
  { config, watch }: GatewayFlags,
  again: () => Promise<void>,
  logger: Logger,
): () => void {
  const reload = (): void => {
    again().catch((error: unknown) => {
      // what is wrong in a file is no fault of this program, whose stack would find it
      const fields = error instanceof UsageError ? { reason: error.message } : { err: error };
      logger.error(fields, 'the configuration was not reloaded; the former one stays in effect');
    });
  };
  process.on('SIGHUP', reload);
  // by its time: editors replace files, and some mount them through links, so that events of the old file never come
  if (watch === true && config !== undefined)
    watchFile(config, { interval: WATCH_INTERVAL_MS, persistent: false }, reload);
  return () => {
    process.off('SIGHUP', reload);
    if (config !== undefined) unwatchFile(config, reload);
  };
}
