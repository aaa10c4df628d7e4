import type { Logger } from '@agentwire/core';

/**
 * Wraps an event listener: its exception, or rejection, ends the one request that it was called for.
 *
 * An exception that leaves a listener ends the process, and with it every other request. So each listener that clients can
 * reach (requests, tunnels, parse errors, the admin port, callbacks of options) is wrapped.
 *
 * @param what name of the listener, for the log line
 * @param end ends that request; gets the listener's arguments, and may throw too
 */
export function guarded<Args extends unknown[]>(
  what: string,
  logger: Logger,
  listener: (...args: Args) => unknown,
  end: (...args: Args) => void = () => undefined,
): (...args: Args) => void {
  const failed = (error: unknown, args: Args): void => {
    logger.error({ err: error }, `${what} failed`);
    try {
      end(...args);
    } catch (cause) {
      logger.error({ err: cause }, `${what} could not be ended`);
    }
  };
  return (...args) => {
    try {
      const result = listener(...args);
      if (result instanceof Promise) result.catch((error: unknown) => failed(error, args));
    } catch (error) {
      failed(error, args);
    }
  };
}
