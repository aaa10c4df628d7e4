import { checkToken } from './contract/token.ts';
import { AgentwireError } from './errors.ts';
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

/** Throws `ERR_INVALID_ARGUMENT` that names the option, unless `value` is right. */
export type OptionCheck = (name: string, value: unknown) => void;

/** A check for each option of a type: one that is added there does not compile before it has a row here. */
export type OptionTable<T> = { readonly [Key in keyof Required<T>]: OptionCheck };

/** Checks by type what stands in a table, and leaves other keys alone. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function checkTypes(of: string, options: object, table: Readonly<Record<string, OptionCheck>>): void {
  for (const [key, check] of Object.entries(table)) {
    const value = (options as Readonly<Record<string, unknown>>)[key];
    if (value !== undefined) check(of + key, value);
  }
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

/** The checks that rows of an {@link OptionTable} are made of. */
export const OPTION = {
  boolean: checkBoolean as OptionCheck,
  /** A string that is not empty. */
  text: checkText as OptionCheck,
  string: (name: string, value: unknown): void => {
    if (typeof value !== 'string')
      throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name} must be a string, got ${show(value)}`);
  },
  /** A string that is not empty and never shown. */
  secret: (name: string, value: unknown): void => {
    if (typeof value === 'string' && value !== '') return;
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name} must be a string that is not empty, got ${typeof value}`);
  },
  /** A token that every transport can carry, never shown. */
  token: checkToken as OptionCheck,
  /** A key or a certificate, never shown. */
  pem: (name: string, value: unknown): void => {
    if (value instanceof Uint8Array || (typeof value === 'string' && value !== '')) return;
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name} must be PEM text or bytes, got ${typeof value}`);
  },
  function: checkFunction as OptionCheck,
  clock: ((name, value) => checkClock(value as never, name)) as OptionCheck,
  logger: ((name, value) => checkLogger(value as never, name)) as OptionCheck,
  signal: ((name, value) => checkMethods(name, value as AbortSignal, ['addEventListener'])) as OptionCheck,
  object: checkObject as OptionCheck,
  methods:
    (...methods: readonly string[]): OptionCheck =>
    (name, value) =>
      checkMethods(name, value as Record<string, unknown>, methods),
  integer:
    (min: number, max: number): OptionCheck =>
    (name, value) =>
      checkInteger(name, value, min, max),
  number:
    (min: number, max: number): OptionCheck =>
    (name, value) =>
      checkNumber(name, value, min, max),
  oneOf:
    (...allowed: readonly string[]): OptionCheck =>
    (name, value) =>
      checkOneOf(name, value, allowed),
  listOf:
    (check: OptionCheck): OptionCheck =>
    (name, value) =>
      checkList(name, value, check),
  /** One such value, or a list of them. */
  oneOrMore:
    (check: OptionCheck): OptionCheck =>
    (name, value) =>
      Array.isArray(value) ? checkList(name, value, check) : check(name, value),
  /** `false`, or what `check` lets through. */
  falseOr:
    (check: OptionCheck): OptionCheck =>
    (name, value) =>
      value === false ? undefined : check(name, value),
  /** An object with options of its own. */
  nested:
    <T>(table: OptionTable<T>): OptionCheck =>
    (name, value) => {
      checkKnownOptions(name, value as object, Object.keys(table));
      checkTypes(`${name}.`, value as object, table);
    },
} as const;

/** Row of an options table: the check of a value, and the default where the option has one. The name carries the unit. */
export interface OptionRow<T> {
  readonly check: OptionCheck;
  readonly default?: T | undefined;
}

/** A row for each option of a type: one that is added there does not compile before it has a row here. */
export type OptionRows<T> = { readonly [Key in keyof Required<T>]: OptionRow<T[Key]> };

/** Options with their defaults filled in; one without a default may still be `undefined`. */
export type Resolved<T> = { readonly [Key in keyof T]-?: Exclude<T[Key], undefined> };

/**
 * Checks options against their rows and fills in the defaults; `undefined` stands for the default.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option, what is expected and what it got
 */
export function resolveOptions<T extends object>(what: string, options: T, rows: OptionRows<T>): Resolved<T> {
  const table = rows as Readonly<Record<string, OptionRow<unknown>>>;
  checkKnownOptions(what, options, Object.keys(table));
  const given = options as Readonly<Record<string, unknown>>;
  const resolved: Record<string, unknown> = {};
  for (const [key, { check, default: fallback }] of Object.entries(table)) {
    const value = given[key];
    if (value !== undefined) check(key, value);
    resolved[key] = value ?? fallback;
  }
  return resolved as Resolved<T>;
}
