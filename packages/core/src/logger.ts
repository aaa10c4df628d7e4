import { containRejection } from './contain-rejection.ts';
import { printable } from './errors.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * Method of a {@link Logger}: fields first, a sentence second. Loggers of agentwire, such as a handler's `context.logger`, also
 * take the sentence first, or alone, and an error in the place of the fields; a logger that you pass in is called with fields first.
 */
export type LogMethod = (fields: Fields, message: string) => void;

/** Returns the fields and the sentence of a line whose caller may have swapped them, or left one out. */
export function inOrder(first: unknown, second: unknown): readonly [fields: Fields, message: string] {
  const [given, message] = typeof second === 'string' || typeof first !== 'string' ? [first, second] : [second, first];
  const text = typeof message === 'string' ? message : '';
  if (given instanceof Error) return [{ err: given }, text === '' ? given.message : text];
  if (typeof given === 'object' && given !== null) return [given as Fields, text];
  return [given === undefined || given === null ? {} : { value: given }, text];
}

/** Returns whether a line is as {@link LogMethod} says; an error has no fields of its own. */
export function isInOrder(fields: unknown, message: unknown): boolean {
  const isFields = typeof fields === 'object' && fields !== null && !(fields instanceof Error);
  return isFields && typeof message === 'string';
}

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

/** Levels of lists and objects in a field that are escaped: a cycle has no end. */
const MAX_DEPTH = 8;

function isPlain(value: unknown): value is Fields {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function printableValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return printable(value);
  if (value instanceof Error) return printableError(value);
  if (depth === MAX_DEPTH) return value;
  if (Array.isArray(value)) return printableValues(value, depth + 1);
  return isPlain(value) ? printableFields(value, depth + 1) : value;
}

function printableValues(values: readonly unknown[], depth: number): readonly unknown[] {
  const shown = values.map((value) => printableValue(value, depth));
  return shown.every((value, at) => value === values[at]) ? values : shown;
}

/** Returns fields with escaped names and texts; `fields` itself if nothing has to be escaped. */
function printableFields(fields: Fields, depth = 0): Fields {
  const before = Object.entries(fields);
  const after = before.map(([name, value]): [string, unknown] => [printable(name), printableValue(value, depth)]);
  const isSame = after.every(([name, value], at) => name === before[at]?.[0] && value === before[at][1]);
  return isSame ? fields : Object.fromEntries(after);
}

/** Wrapper of a user's logger: its throws are caught, and the texts of peers are escaped on their way to it. */
export class SafeLogger implements Logger {
  /** Logger that gets the lines. */
  readonly inner: Logger;
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;

  constructor(logger: Logger) {
    this.inner = logger;
    const method =
      (level: keyof Logger): LogMethod =>
      (fields, message) => {
        try {
          if (!isInOrder(fields, message)) [fields, message] = inOrder(fields, message);
          containRejection(logger[level](printableFields(fields), printable(message)), () => undefined);
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
