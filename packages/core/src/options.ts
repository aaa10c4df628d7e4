import type { Clock } from './clock.ts';
import { AgentwireError } from './errors.ts';
import { type Logger, safeLogger, silentLogger } from './logger.ts';

/** Formats a value for an error message. */
export function show(value: unknown): string {
  if (typeof value === 'string') return `${JSON.stringify(value.slice(0, 80))} (string)`;
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint')
    return `${value} (${typeof value})`;
  return typeof value;
}

/** Returns `value` if it is an object and not a list. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming it */
export function checkObject<T extends object>(name: string, value: T): T {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new AgentwireError(
    'ERR_INVALID_ARGUMENT',
    `${name} must be an object, got ${Array.isArray(value) ? 'a list' : show(value)}`,
  );
}

/** Refuses options that are not an object or have a key that is not in `known`. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function checkKnownOptions(what: string, options: object, known: readonly string[]): void {
  checkObject(`the options of ${what}`, options);
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) {
      throw new AgentwireError(
        'ERR_INVALID_ARGUMENT',
        `${what} has no option ${JSON.stringify(key)}; it knows ${known.join(', ')}`,
      );
    }
  }
}

/** Returns `value` if it is an integer from `min` to `max`. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function checkInteger(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw new AgentwireError(
    'ERR_INVALID_ARGUMENT',
    `${name} must be an integer from ${min} to ${max}, got ${show(value)}`,
  );
}

/** Returns `value` if it is a finite number from `min` to `max`. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function checkNumber(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw new AgentwireError(
    'ERR_INVALID_ARGUMENT',
    `${name} must be a number from ${min} to ${max}, got ${show(value)}`,
  );
}

/** Returns `value` if it is one of `allowed`. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function checkOneOf<T extends string>(name: string, value: unknown, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value);
  if (found !== undefined) return found;
  throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name} must be one of ${allowed.join(', ')}, got ${show(value)}`);
}

/** Returns `value` if it is `true` or `false`. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function checkBoolean(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name} must be true or false, got ${show(value)}`);
}

/** Returns `value` if it is a string that is not empty. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function checkText(name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name} must be a string that is not empty, got ${show(value)}`);
}

/** Returns `value` if it is a function. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function checkFunction<T extends (...args: never[]) => unknown>(name: string, value: T): T {
  if (typeof value === 'function') return value;
  throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name} must be a function, got ${show(value)}`);
}

function hasMethods(value: unknown, methods: readonly string[]): boolean {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false;
  return methods.every((method) => typeof (value as Readonly<Record<string, unknown>>)[method] === 'function');
}

/** Returns `value` if it has these methods. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option and the methods */
export function checkMethods<T extends object>(name: string, value: T, methods: readonly (keyof T & string)[]): T {
  if (hasMethods(value, methods)) return value;
  throw new AgentwireError(
    'ERR_INVALID_ARGUMENT',
    `${name} must be an object with the methods ${methods.join(', ')}, got ${show(value)}`,
  );
}

/** Returns `value` if it is a {@link Clock}. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function checkClock(value: Clock, name = 'clock'): Clock {
  return checkMethods(name, value, ['now', 'wallNow', 'setTimeout', 'clearTimeout']);
}

/**
 * Returns a {@link Logger} that never throws. A line that cannot be written is lost: logging must not change the outcome of a
 * request.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option
 */
export function checkLogger(value: Logger, name = 'logger'): Logger {
  return safeLogger(checkMethods(name, value, ['debug', 'info', 'warn', 'error']));
}

/** Returns the logger of an option that `false` silences. @param byDefault where the option is not given */
export function chosenLogger(value: Logger | false | undefined, byDefault: Logger): Logger {
  if (value === undefined) return byDefault;
  return value === false ? silentLogger : checkLogger(value);
}
