import type { JsonValue } from '../message/payload.ts';

type Rules = Readonly<Record<string, JsonValue | undefined>>;

/** Steps and levels of one check; past them everything fits. */
const MAX_STEPS = 5000;
const MAX_LEVELS = 64;

/**
 * Looks for the first place at which a value does not fit a JSON Schema that another node wrote; undefined when there is none.
 *
 * The schema is data that is walked: nothing of it is compiled or run, and it has no regular expressions. It may be hostile, so a check takes 5000 steps
 * at most. What is not looked at fits, because the receiver checks again: `pattern`, `format`, `not`, `if`, `contains`, `dependent…`, `unevaluated…`, `multipleOf`,
 * references outside of the schema, and everything past the limits. `oneOf` is read as `anyOf`.
 */
export function misfit(schema: JsonValue, value: JsonValue): string | undefined {
  return new SchemaWalk(schema).walk(schema, value, '', 0);
}

class SchemaWalk {
  readonly #root: JsonValue;
  #steps = MAX_STEPS;

  constructor(root: JsonValue) {
    this.#root = root;
  }

  /** Gives the path of the first misfit, `(root)` for the value itself. */
  walk(schema: JsonValue | undefined, value: JsonValue, path: string, level: number): string | undefined {
    const here = path === '' ? '(root)' : path;
    if (schema === false) return here;
    if (!isRules(schema) || level > MAX_LEVELS || !this.#pay(1)) return undefined;
    if (!hasType(own(schema, 'type'), value) || this.#isOther(schema, value)) return here;
    if (typeof value === 'number' && isOutside(schema, value)) return here;
    if (typeof value === 'string' && this.#hasWrongLength(schema, value)) return here;
    const within = Array.isArray(value)
      ? this.#list(schema, value, path, level)
      : isRules(value)
        ? this.#object(schema, value, path, level)
        : undefined;
    return within ?? this.#combined(schema, value, path, level);
  }

  /** Takes steps; false once there are none left. */
  #pay(steps: number): boolean {
    this.#steps -= steps;
    return this.#steps > 0;
  }

  #isOther(schema: Rules, value: JsonValue): boolean {
    const only = own(schema, 'const');
    if (isScalar(only) && only !== value) return true;
    const list = own(schema, 'enum');
    if (!Array.isArray(list) || !this.#pay(list.length)) return false;
    return list.every(isScalar) && !(list as readonly unknown[]).includes(value);
  }

  #hasWrongLength(schema: Rules, value: string): boolean {
    const [least, most] = [own(schema, 'minLength'), own(schema, 'maxLength')];
    if (typeof least !== 'number' && typeof most !== 'number') return false;
    if (!this.#pay(value.length >>> 4)) return false;
    const length = Array.from(value).length;
    return (typeof least === 'number' && length < least) || (typeof most === 'number' && length > most);
  }

  #list(schema: Rules, value: readonly JsonValue[], path: string, level: number): string | undefined {
    const [least, most] = [own(schema, 'minItems'), own(schema, 'maxItems')];
    if ((typeof least === 'number' && value.length < least) || (typeof most === 'number' && value.length > most))
      return path === '' ? '(root)' : path;
    const first = own(schema, 'prefixItems');
    const places = Array.isArray(first) ? first : [];
    const rest = own(schema, 'items');
    if (places.length === 0 && rest === undefined) return undefined;
    for (const [at, item] of value.entries()) {
      if (this.#steps <= 0) return undefined;
      const found = this.walk(at < places.length ? places[at] : rest, item, step(path, at), level + 1);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #object(schema: Rules, value: Rules, path: string, level: number): string | undefined {
    const required = own(schema, 'required');
    if (Array.isArray(required) && this.#pay(required.length)) {
      for (const name of required) if (typeof name === 'string' && !Object.hasOwn(value, name)) return step(path, name);
    }
    const named = own(schema, 'properties');
    const properties = isRules(named) ? named : {};
    // what a pattern allows is not known here.
    const others = own(schema, 'patternProperties') === undefined ? own(schema, 'additionalProperties') : undefined;
    for (const [name, item] of Object.entries(value)) {
      if (item === undefined || !this.#pay(1)) continue;
      const rules = Object.hasOwn(properties, name) ? properties[name] : others;
      const found = this.walk(rules, item, step(path, name), level + 1);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #combined(schema: Rules, value: JsonValue, path: string, level: number): string | undefined {
    const target = this.#referred(own(schema, '$ref'));
    const all = own(schema, 'allOf');
    for (const one of [...(target === undefined ? [] : [target]), ...(Array.isArray(all) ? all : [])]) {
      if (this.#steps <= 0) return undefined;
      const found = this.walk(one, value, path, level + 1);
      if (found !== undefined) return found;
    }
    for (const choices of [own(schema, 'anyOf'), own(schema, 'oneOf')]) {
      if (!Array.isArray(choices) || choices.length === 0) continue;
      if (choices.every((one) => this.walk(one, value, path, level + 1) !== undefined))
        return path === '' ? '(root)' : path;
    }
    return undefined;
  }

  /** Finds the schema of `#` and `#/$defs/<name>`; every other reference is not looked at. */
  #referred(ref: JsonValue | undefined): JsonValue | undefined {
    if (ref === '#') return this.#root;
    if (typeof ref !== 'string' || !ref.startsWith(DEFINITIONS) || !isRules(this.#root)) return undefined;
    const definitions = own(this.#root, '$defs');
    return isRules(definitions) ? own(definitions, ref.slice(DEFINITIONS.length)) : undefined;
  }
}

const DEFINITIONS = '#/$defs/';
const MAX_PATH = 256;

function step(path: string, name: string | number): string {
  return (path === '' ? String(name) : `${path}.${name}`).slice(0, MAX_PATH);
}

function own(rules: Rules, name: string): JsonValue | undefined {
  return Object.hasOwn(rules, name) ? rules[name] : undefined;
}

function isRules(value: unknown): value is Rules {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isScalar(value: JsonValue | undefined): value is string | number | boolean | null {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}

/** A type that is not known fits. */
function hasType(type: JsonValue | undefined, value: JsonValue): boolean {
  const types: readonly JsonValue[] = Array.isArray(type) ? type.slice(0, TYPES.size) : [type ?? ''];
  return types.some((one) => typeof one !== 'string' || TYPES.get(one)?.(value) !== false);
}

const TYPES: ReadonlyMap<string, (value: JsonValue) => boolean> = new Map([
  ['null', (value) => value === null],
  ['boolean', (value) => typeof value === 'boolean'],
  ['number', (value) => typeof value === 'number'],
  ['integer', (value) => Number.isInteger(value)],
  ['string', (value) => typeof value === 'string'],
  ['array', (value) => Array.isArray(value)],
  ['object', isRules],
]);

function isOutside(schema: Rules, value: number): boolean {
  const is = (name: string, refuses: (limit: number) => boolean): boolean => {
    const limit = own(schema, name);
    return typeof limit === 'number' && refuses(limit);
  };
  return (
    is('minimum', (limit) => value < limit) ||
    is('maximum', (limit) => value > limit) ||
    is('exclusiveMinimum', (limit) => value <= limit) ||
    is('exclusiveMaximum', (limit) => value >= limit)
  );
}
