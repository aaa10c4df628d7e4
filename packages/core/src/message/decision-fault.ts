import { AgentwireError, type ErrorCode } from '../errors.ts';

/** Creates the error of an impossible value: names the field and what it must be, never the value. */
export function fault(where: string, what: string, code: ErrorCode = 'ERR_INVALID_ARGUMENT'): AgentwireError {
  return new AgentwireError(code, `${where} ${what}`, { detail: { field: where } });
}

/** An object whose fields are not checked yet. */
export type Unchecked = Readonly<Record<string, unknown>>;

/** Returns whether `value` is an object with named fields. */
export function isObject(value: unknown): value is Unchecked {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}

/** Refuses fields that are not in `known`: they would have no effect. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function checkFields(value: object, known: readonly string[], where: string): void {
  for (const key in value) {
    if (!known.includes(key) && Object.hasOwn(value, key))
      throw fault(where, `has no field ${JSON.stringify(key.slice(0, 40))}; it knows ${known.join(', ')}`);
  }
}

/** Checks for a whole number from `min` to `max`. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function checkStatus(value: unknown, min: number, max: number, where: string): void {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max)
    throw fault(where, `must be a whole number from ${min} to ${max}`);
}

/** Checks for a finite number from 0 up. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function checkFinite(value: unknown, where: string): void {
  if (typeof value !== 'number' || !(value >= 0 && value < Infinity)) throw fault(where, 'must be a number from 0 up');
}

/** Checks for text. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function checkText(value: unknown, where: string): void {
  if (typeof value !== 'string') throw fault(where, 'must be a string');
}

/** Checks for an array of texts. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function checkList(value: unknown, where: string): void {
  if (!Array.isArray(value)) throw fault(where, 'must be an array of strings');
  for (let i = 0; i < value.length; i++)
    if (typeof value[i] !== 'string') throw fault(`${where}[${i}]`, 'must be a string');
}

/** Checks for an object of texts. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function checkTexts(value: unknown, where: string): void {
  if (!isObject(value)) throw fault(where, 'must be an object of strings');
  for (const key of Object.keys(value))
    if (typeof value[key] !== 'string') throw fault(where, 'must have strings as values');
}
