import { AgentwireError } from './errors.ts';

function show(value: unknown): string {
  if (typeof value === 'string') return `${JSON.stringify(value.slice(0, 80))} (string)`;
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint')
    return `${value} (${typeof value})`;
  return typeof value;
}

/** Throws `ERR_INVALID_ARGUMENT` for the first key of `options` that `known` does not have. */
export function checkKnownOptions(what: string, options: object, known: readonly string[]): void {
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) {
      throw new AgentwireError(
        'ERR_INVALID_ARGUMENT',
        `${what} has no option ${JSON.stringify(key)}; it knows ${known.join(', ')}`,
      );
    }
  }
}

/** Gives `value` back if it is an integer from `min` to `max`, else throws `ERR_INVALID_ARGUMENT` naming the option. */
export function checkInteger(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw new AgentwireError(
    'ERR_INVALID_ARGUMENT',
    `${name} must be an integer from ${min} to ${max}, got ${show(value)}`,
  );
}

/** Gives `value` back if it is a finite number from `min` to `max`, else throws `ERR_INVALID_ARGUMENT` naming the option. */
export function checkNumber(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw new AgentwireError(
    'ERR_INVALID_ARGUMENT',
    `${name} must be a number from ${min} to ${max}, got ${show(value)}`,
  );
}

/** Gives `value` back if it is one of `allowed`, else throws `ERR_INVALID_ARGUMENT` naming the option. */
export function checkOneOf<T extends string>(name: string, value: unknown, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value);
  if (found !== undefined) return found;
  throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name} must be one of ${allowed.join(', ')}, got ${show(value)}`);
}
