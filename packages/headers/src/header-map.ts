import { AgentwireError, type HeaderList } from '@agentwire/core';

import { listOf, valueOf, type HeaderObject } from './header-object.ts';
import { checkHeaderName, checkHeaderValue } from './header-validation.ts';
import { equalsHeaderName, internHeaderName, isHeaderTwin } from './intern-header-name.ts';
import { showWhenPrinted } from './print-headers.ts';
import { indexIn, removeFrom, setIn, valueIn, valuesIn } from './raw-list.ts';

export type { HeaderObject } from './header-object.ts';

/** Source of a {@link HeaderMap}; lists, objects and maps are wrapped, other iterables are copied. */
export type HeaderSource = HeaderList | HeaderObject | HeaderMap | Iterable<readonly [string, string]>;

const isIterable = (source: object): source is Iterable<readonly [string, string]> => Symbol.iterator in source;

/**
 * Headers with several values per name, in any case and in order, which are copied on the first write (Agent Protocol v2,
 * "Cow Header Maps").
 *
 * Reading a wrapped request allocates only the result. Names keep the spelling they came with in {@link toRaw}
 * and are lower-case everywhere else. A wrapped source is not checked; written values are. The
 * source must not change while it is wrapped.
 */
export class HeaderMap implements Iterable<[name: string, value: string]> {
  static {
    showWhenPrinted(this);
  }

  /** Set unless a plain object is wrapped. */
  #list: HeaderList | undefined;
  #object: HeaderObject | undefined;
  /** The list again, while it is this map's own and was not handed out. */
  #own: string[] | undefined;

  /**
   * Wraps `source`, or starts empty.
   *
   * @throws AgentwireError `ERR_INVALID_ARGUMENT` for a raw list of odd length
   */
  constructor(source?: HeaderSource) {
    if (source === undefined) this.#list = this.#own = [];
    else if (Array.isArray(source)) {
      // pairs have lists as their items, a raw list has strings
      if (typeof source[0] === 'object')
        this.#list = this.#own = flatten(source as Iterable<readonly [string, string]>);
      else this.#list = checkEven(source as HeaderList);
    } else if (source instanceof HeaderMap) this.#share(source);
    else if (isIterable(source)) this.#list = this.#own = flatten(source);
    else this.#object = source as HeaderObject;
  }

  /** The constructor as a function. */
  static from(source: HeaderSource): HeaderMap {
    return new HeaderMap(source);
  }

  /** All values of `name` joined by `, ` (cookies by `; `) as `Headers.get` does, or `undefined` without any. */
  get(name: string): string | undefined {
    const lower = internHeaderName(name);
    if (this.#list !== undefined) return valueIn(this.#list, lower);
    return valueOf(this.#object as HeaderObject, lower);
  }

  /** All values of `name`, in order, one for each line; empty without any. The array is the caller's. */
  getAll(name: string): string[] {
    const lower = internHeaderName(name);
    return valuesIn(this.#list ?? listOf(this.#object as HeaderObject, lower), lower);
  }

  /** Tells whether `name` has a value, even an empty one. */
  has(name: string): boolean {
    if (this.#list !== undefined) return indexIn(this.#list, internHeaderName(name)) !== -1;
    return this.get(name) !== undefined;
  }

  /**
   * Replaces all values of `name`, at the position of the first; no values is {@link delete}.
   *
   * @throws AgentwireError `ERR_INVALID_HEADER` for a name or value that Node would not send; nothing is changed then
   */
  set(name: string, value: string | readonly string[]): this {
    const values = typeof value === 'string' ? [value] : value;
    checkHeaderName(name);
    for (const one of values) checkHeaderValue(name, one);
    setIn(this.#write(), name, internHeaderName(name), values);
    return this;
  }

  /** Adds one more value, as a line of its own at the end. @throws AgentwireError like {@link set} */
  append(name: string, value: string): this {
    checkHeaderName(name);
    checkHeaderValue(name, value);
    this.#write().push(name, value);
    return this;
  }

  /** Removes all values of `name`. @returns whether there were any */
  delete(name: string): boolean {
    const lower = internHeaderName(name);
    if (!this.has(lower)) return false;
    removeFrom(this.#write(), (other) => equalsHeaderName(other, lower));
    return true;
  }

  /**
   * Sets a header that only this proxy may set: removes all lines of the client with that name first.
   *
   * Also removes spellings that an upstream could read as the same name, such as `X_Real_IP`. Strip hop-by-hop headers before, so that `Connection` cannot name this one.
   *
   * @throws AgentwireError like {@link set}
   */
  setTrusted(name: string, value: string): this {
    checkHeaderName(name);
    checkHeaderValue(name, value);
    const lower = internHeaderName(name);
    const list = this.#write();
    removeFrom(list, (other) => isHeaderTwin(other, lower));
    list.push(name, value);
    return this;
  }

  /** Calls `change` with this map's own raw list (names and values in turn) to be changed in place; nothing is checked. */
  rewrite(change: (list: string[]) => void): this {
    change(this.#write());
    return this;
  }

  /** Number of lines: a name with three values counts three. */
  get size(): number {
    return (this.#list ?? listOf(this.#object as HeaderObject)).length / 2;
  }

  /** Every line in order, names in lower case; writes during the iteration do not show in it. */
  *entries(): Generator<[name: string, value: string], undefined> {
    const list = this.toRaw();
    for (let i = 0; i < list.length; i += 2) yield [internHeaderName(list[i] as string), list[i + 1] as string];
  }

  /** The same as {@link entries}. */
  [Symbol.iterator](): Generator<[name: string, value: string], undefined> {
    return this.entries();
  }

  /** Names and values in turn, spelled as they came, for `http.request` and `writeHead`; a wrapped list is returned itself. */
  toRaw(): HeaderList {
    this.#own = undefined;
    return this.#list ?? listOf(this.#object as HeaderObject);
  }

  /**
   * A fresh object without prototype, lower-case names: a string for one value, an array for several.
   *
   * In order, except that JavaScript puts names such as `0` first.
   */
  toObject(): Record<string, string | string[]> {
    const object = Object.create(null) as Record<string, string | string[]>;
    for (const [name, value] of this.entries()) {
      const before = object[name];
      if (before === undefined) object[name] = value;
      else if (typeof before === 'string') object[name] = [before, value];
      else before.push(value);
    }
    return object;
  }

  /** A fresh WHATWG `Headers`, which sorts names and trims values. */
  toHeaders(): Headers {
    const headers = new Headers();
    for (const [name, value] of this.entries()) headers.append(name, value);
    return headers;
  }

  #share(other: HeaderMap): void {
    this.#list = other.#list;
    this.#object = other.#object;
    other.#own = undefined;
  }

  #write(): string[] {
    if (this.#own !== undefined) return this.#own;
    this.#own = this.#list === undefined ? listOf(this.#object as HeaderObject) : this.#list.slice();
    this.#list = this.#own;
    this.#object = undefined;
    return this.#own;
  }
}

function flatten(lines: Iterable<readonly [string, string]>): string[] {
  const list: string[] = [];
  for (const [name, value] of lines) list.push(name, value);
  return list;
}

function checkEven(list: HeaderList): HeaderList {
  if (list.length % 2 === 0) return list;
  throw new AgentwireError('ERR_INVALID_ARGUMENT', `a raw header list must have an even length, got ${list.length}`);
}
