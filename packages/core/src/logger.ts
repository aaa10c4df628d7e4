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

/** A logger of somebody else's, whose failures stay its own. */
class SafeLogger implements Logger {
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;

  constructor(logger: Logger) {
    const method =
      (level: keyof Logger): LogMethod =>
      (fields, message) => {
        try {
          logger[level](fields, message);
        } catch {
          // a line that cannot be written has nowhere to be reported
        }
      };
    this.debug = method('debug');
    this.info = method('info');
    this.warn = method('warn');
    this.error = method('error');
  }
}

/** Wraps a logger so that it never throws; one that is safe already is given back itself. */
export function safeLogger(logger: Logger): Logger {
  return logger === silentLogger || logger instanceof SafeLogger ? logger : new SafeLogger(logger);
}
