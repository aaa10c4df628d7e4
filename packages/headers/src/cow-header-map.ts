import { HeaderMap, type HeaderSource } from './header-map.ts';

/** {@link HeaderMap} under the name and with the `insert` of Agent Protocol v2, "Cow Header Maps". */
export class CowHeaderMap extends HeaderMap {
  /** Replaces all values of `name`, like `set`. */
  insert(name: string, value: string | readonly string[]): this {
    return this.set(name, value);
  }
}

/** Wraps headers of any kind without copying lists and objects (Agent Protocol v2, "Cow Header Maps"). */
export function toCowOptimized(headers: HeaderSource): CowHeaderMap {
  return new CowHeaderMap(headers);
}

/** Converts to a standard object: lower-case names, every value in an array, no prototype. */
export function fromCowOptimized(headers: HeaderMap): Record<string, string[]> {
  const object = Object.create(null) as Record<string, string[]>;
  for (const [name, value] of headers) (object[name] ??= []).push(value);
  return object;
}
