/** One level of a {@link Logger}: facts first, a sentence second. */
export type LogMethod = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/**
 * Where log lines go: a pino instance fits, and so does `console`. The default everywhere is {@link silentLogger}.
 *
 * Bodies, header values, tokens and keys are never handed to a logger.
 */
export interface Logger {
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
}

const nothing: LogMethod = () => undefined;

/** Logs nothing. */
export const silentLogger: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
