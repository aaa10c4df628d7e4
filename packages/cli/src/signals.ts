import { constants } from 'node:os';
import type { Logger } from '@agentwire/core';
import { beforeEnd, endAfterLeaving, line, outliveReaders, type Terminal } from './output/terminal.ts';

/**
 * Waits for Ctrl-C or SIGTERM and drains; a second one ends the process at once.
 *
 * @param drain finishes what is in flight
 * @param quiet prints no line about it
 * @param asked drains when it resolves, too
 */
export async function drainOnSignal(
  terminal: Terminal,
  drain: () => Promise<void>,
  quiet = false,
  asked?: Promise<void>,
): Promise<void> {
  outliveReaders(terminal);
  await new Promise<void>((resolve) => {
    const stop = (signal: NodeJS.Signals): void => {
      if (!quiet) line(terminal.stderr, `${signal}: finishing what is in flight; once more ends now`);
      const abort = (): never => process.exit(130);
      process.once('SIGINT', abort);
      process.once('SIGTERM', abort);
      resolve();
    };
    process.once('SIGINT', stop);
    process.once('SIGTERM', stop);
    void asked?.then(resolve);
  });
  await drain();
}

/** Keeps a command with nothing to reload alive on SIGHUP, which would end it. @param advice what to do instead @returns what ends that */
export function outliveHangup(logger: Logger, advice: string): () => void {
  const onHangup = (): void => logger.warn({}, `SIGHUP: there is nothing to reload; ${advice}`);
  process.on('SIGHUP', onHangup);
  return () => process.off('SIGHUP', onHangup);
}

/**
 * Runs `work`, and leaves after it, also before this process ends by Ctrl-C, SIGTERM or the end of its reader (`… | head -1`); a second
 * signal ends it at once.
 */
export async function leaveAfter<T>(leave: () => Promise<void>, work: () => Promise<T>): Promise<T> {
  let isEnding = false;
  let left: Promise<void> | undefined;
  const leaveOnce = (): Promise<void> => (left ??= leave());
  const forget = beforeEnd(() => {
    isEnding = true;
    return leaveOnce();
  });
  const stop = (signal: NodeJS.Signals): void => {
    const status = 128 + constants.signals[signal];
    if (isEnding) process.exit(status);
    void endAfterLeaving(status);
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  try {
    return await work();
  } finally {
    await leaveOnce();
    // what failed because this process leaves is no error to tell
    if (isEnding) await new Promise<never>(() => undefined);
    forget();
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}
