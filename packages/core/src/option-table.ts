import { checkToken } from './contract/token.ts';
import { AgentwireError } from './errors.ts';
import { described, type OptionCheck, type OptionRow, type OptionSchema, tableSchema } from './option-schema.ts';
import {
  checkBoolean,
  checkClock,
  checkFunction,
  checkInteger,
  checkKnownOptions,
  checkLogger,
  checkMethods,
  checkNumber,
  checkObject,
  checkOneOf,
  checkText,
  show,
} from './options.ts';

export type { OptionCheck, OptionRow } from './option-schema.ts';

/** A row, or only a check, for each option of a type: an option that is added to the type does not compile without one. */
export type OptionTable<T> = { readonly [Key in keyof Required<T>]: OptionCheck | OptionRow<T[Key]> };

/** A table with a row for each option. */
export type OptionRows<T> = { readonly [Key in keyof Required<T>]: OptionRow<T[Key]> };

/** Options with their defaults filled in; one without a default may still be `undefined`. */
export type Resolved<T> = { readonly [Key in keyof T]-?: Exclude<T[Key], undefined> };

type AnyTable = Readonly<Record<string, OptionCheck | OptionRow<unknown>>>;

/** Checks the options of a table by type, and ignores other keys. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function checkTypes(prefix: string, options: object, table: AnyTable): void {
  for (const [key, row] of Object.entries(table)) {
    const value = (options as Readonly<Record<string, unknown>>)[key];
    if (value !== undefined) (typeof row === 'function' ? row : row.check)(prefix + key, value);
  }
}

/** Checks the options of a table and fills in its defaults; other keys are left out. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function resolveTypes<T extends object>(prefix: string, options: T, table: OptionTable<T>): Resolved<T> {
  checkTypes(prefix, options, table);
  const given = options as Readonly<Record<string, unknown>>;
  const resolved = Object.entries(table as AnyTable).map(([key, row]) => [
    key,
    given[key] ?? (typeof row === 'function' ? undefined : row.default),
  ]);
  return Object.fromEntries(resolved) as Resolved<T>;
}

/**
 * Checks options by type: unknown keys and values of another type are refused, `undefined` stands for the default.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option, what is expected and what it got
 */
export function checkOptions<T extends object>(what: string, options: T, table: OptionTable<T>): T {
  checkKnownOptions(what, options, Object.keys(table));
  checkTypes('', options, table);
  return options;
}

function checkList(name: string, value: unknown, check: OptionCheck): void {
  if (!Array.isArray(value))
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name} must be a list, got ${show(value)}`);
  for (const [at, one] of value.entries()) check(`${name}[${at}]`, one);
}

/** Returns a schema made of that of a check; `undefined` where the check has none. */
function within(check: OptionCheck, make: (schema: OptionSchema) => OptionSchema): OptionSchema | undefined {
  const schema = check.schema?.();
  return schema && make(schema);
}

// their rows below have types that declarations can be made of without inference
described(() => ({ type: 'boolean' }), checkBoolean);
described(() => ({ type: 'string', minLength: 1 }), checkText);

/** Checks for the rows of an {@link OptionTable}. */
export const OPTION = {
  boolean: checkBoolean as OptionCheck,
  /** Non-empty string. */
  text: checkText as OptionCheck,
  string: (name: string, value: unknown): void => {
    if (typeof value !== 'string')
      throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name} must be a string, got ${show(value)}`);
  },
  /** Non-empty string that is never shown. */
  secret: (name: string, value: unknown): void => {
    if (typeof value === 'string' && value !== '') return;
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name} must be a string that is not empty, got ${typeof value}`);
  },
  /** Token that every transport can carry, never shown. */
  token: checkToken as OptionCheck,
  /** Key or certificate, never shown. A text is PEM, not the name of a file. */
  pem: (name: string, value: unknown): void => {
    if (value instanceof Uint8Array || (typeof value === 'string' && value.includes('-----BEGIN '))) return;
    const got = typeof value === 'string' ? 'text without "-----BEGIN"' : typeof value;
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name} must be PEM text or bytes, got ${got}`);
  },
  function: checkFunction as OptionCheck,
  clock: ((name, value) => checkClock(value as never, name)) as OptionCheck,
  logger: ((name, value) => checkLogger(value as never, name)) as OptionCheck,
  /** Logger, or `false` for none. */
  loggerOrFalse: ((name, value) => void (value === false || checkLogger(value as never, name))) as OptionCheck,
  signal: ((name, value) => checkMethods(name, value as AbortSignal, ['addEventListener'])) as OptionCheck,
  object: checkObject as OptionCheck,
  methods:
    (...methods: readonly string[]): OptionCheck =>
    (name, value) =>
      checkMethods(name, value as Record<string, unknown>, methods),
  integer: (min: number, max: number): OptionCheck =>
    described(
      () => ({ type: 'integer', minimum: min, maximum: max }),
      (name, value) => void checkInteger(name, value, min, max),
    ),
  number: (min: number, max: number): OptionCheck =>
    described(
      () => ({ type: 'number', minimum: min, maximum: max }),
      (name, value) => void checkNumber(name, value, min, max),
    ),
  oneOf: (...allowed: readonly string[]): OptionCheck =>
    described(
      () => ({ enum: allowed }),
      (name, value) => void checkOneOf(name, value, allowed),
    ),
  listOf: (check: OptionCheck): OptionCheck =>
    described(
      () => within(check, (items) => ({ type: 'array', items })),
      (name, value) => checkList(name, value, check),
    ),
  /** One such value, or a list of them. */
  oneOrMore: (check: OptionCheck): OptionCheck =>
    described(
      () => within(check, (one) => ({ anyOf: [one, { type: 'array', items: one }] })),
      (name, value) => (Array.isArray(value) ? checkList(name, value, check) : check(name, value)),
    ),
  /** `false`, or a value that passes `check`. */
  falseOr: (check: OptionCheck): OptionCheck =>
    described(
      () => within(check, (one) => ({ anyOf: [{ const: false }, one] })),
      (name, value) => (value === false ? undefined : check(name, value)),
    ),
  /** Object with options of its own. @param required those that it must have in a file; the caller checks that */
  nested: <T>(table: OptionTable<T>, required?: readonly (keyof T & string)[]): OptionCheck =>
    described(
      () => tableSchema(table, required),
      (name, value) => {
        checkKnownOptions(name, value as object, Object.keys(table));
        checkTypes(`${name}.`, value as object, table);
      },
    ),
} as const;

/**
 * Checks options against their table and fills in the defaults: unknown keys and values of another type are refused,
 * `undefined` stands for the default.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option, what is expected and what it got
 */
export function resolveOptions<T extends object>(what: string, options: T, table: OptionTable<T>): Resolved<T> {
  checkKnownOptions(what, options, Object.keys(table));
  return resolveTypes('', options, table);
}
