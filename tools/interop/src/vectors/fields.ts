import type { Json } from './vector.ts';

/** An object of JSON. */
export type Fields = { readonly [name: string]: Json };

/** `snake_case` to `camelCase`. */
export function camel(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** The text that stands there, else the empty one. */
export function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

/** The bytes of base64 text. */
export function bytes(value: Json | undefined): Uint8Array {
  return new Uint8Array(Buffer.from(text(value), 'base64'));
}

/** The same fields under our names; null is absent. */
export function fields(value: Json | undefined): object {
  const entries = Object.entries((value ?? {}) as Fields).filter(([, one]) => one !== null);
  return Object.fromEntries(entries.map(([name, one]) => [camel(name), one]));
}

const WIDE = /[\u0100-\uffff]/;

/** A header's value; text past U+00FF becomes its UTF-8 bytes, as HTTP has them. */
export function headerValue(value: string): string {
  return WIDE.test(value) ? Buffer.from(value).toString('latin1') : value;
}
