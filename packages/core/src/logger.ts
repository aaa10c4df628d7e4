import { printable } from './errors.ts';

/** Method of a {@link Logger}: fields first, a sentence second. */
export type LogMethod = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/**
 * Receiver of log lines: a pino instance fits, and so does `console`. The default everywhere is {@link silentLogger}.
 *
 * Bodies, header values, tokens and keys are never passed to a logger.
 */
export interface Logger {
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
}

const nothing: LogMethod = () => undefined;

/** Logger without output. */
export const silentLogger: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/** Returns an error with escaped texts; `error` itself if nothing has to be escaped. */
function printableError(error: Error): Error {
  const message = printable(error.message);
  const lines = (error.stack ?? '').replace(error.message, message).split('\n');
  const stack = lines.map(printable).join('\n');
  if (message === error.message && stack === error.stack) return error;
  const field = (value: string): PropertyDescriptor => ({ value, configurable: true, writable: true });
  return Object.create(error, { message: field(message), stack: field(stack) }) as Error;
}

function printableValue(value: unknown): unknown {
  if (typeof value === 'string') return printable(value);
  return value instanceof Error ? printableError(value) : value;
}

/** Returns fields with escaped texts; `fields` itself if nothing has to be escaped. */
function printableFields(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  let copy: Record<string, unknown> | undefined;
  for (const [key, value] of Object.entries(fields)) {
    const shown = printableValue(value);
    if (shown !== value) (copy ??= { ...fields })[key] = shown;
  }
  return copy ?? fields;
}

/** Wrapper of a user's logger: its throws are caught, and the texts of peers are escaped on their way to it. */
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
          logger[level](printableFields(fields), printable(message));
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

/** Wraps a logger so that it never throws, and escapes control characters on their way to it; returns a safe logger itself. */
export function safeLogger(logger: Logger): Logger {
  return logger === silentLogger || logger instanceof SafeLogger ? logger : new SafeLogger(logger);
}

const logged = new WeakSet<Error>();

/** Marks an error whose line has been written by what found it, so that nothing below writes another one. @returns the error */
export function markLogged<Failure extends Error>(error: Failure): Failure {
  logged.add(error);
  return error;
}

/** Returns whether {@link markLogged} was called for an error or its cause. */
export function isLogged(error: Error): boolean {
  return logged.has(error) || (error.cause instanceof Error && logged.has(error.cause));
}
