import type { HeaderList } from '@agentwire/core';

/** Header lines; a value is `null` where it was redacted. */
export type RecordedHeaders = readonly (readonly [name: string, value: string | null])[];

/** Settings of a {@link Redaction}. */
export interface RedactionSettings {
  /** Names of headers whose values are redacted too. */
  readonly redact?: readonly string[] | undefined;
  /** Keeps queries of paths and of addresses in headers. */
  readonly query?: boolean | undefined;
}

/** Headers whose values are redacted in any case. */
const NAMES: readonly string[] = [
  'authorization',
  'cookie',
  'proxy-authorization',
  'set-cookie',
  'x-amzn-oidc-data',
  'x-forwarded-client-cert',
];

/** Parts of names that are redacted in any case: API keys, tokens and the like. */
const PARTS = /api[-_]?key|credential|jwt|passw|secret|session|token/;

/** Headers whose value is an address. */
const ADDRESSES: ReadonlySet<string> = new Set([
  'content-location',
  'location',
  'referer',
  'x-forwarded-uri',
  'x-original-uri',
  'x-original-url',
  'x-rewrite-url',
]);

/** Rules for what a recording leaves out: values of headers by name, and queries. Names stay. */
export class Redaction {
  /** Leaves nothing out. */
  static readonly none: Redaction = new Redaction({ query: true }, false);
  readonly #names: ReadonlySet<string>;
  readonly #query: boolean;
  readonly #isOn: boolean;

  constructor({ redact = [], query = false }: RedactionSettings = {}, isOn = true) {
    this.#names = new Set([...NAMES, ...redact.map((name) => name.toLowerCase())]);
    this.#query = query;
    this.#isOn = isOn;
  }

  /** Returns whether the value of a header, or of a parameter of that name, is left out. */
  hides(name: string): boolean {
    if (!this.#isOn) return false;
    const lower = name.toLowerCase();
    return this.#names.has(lower) || PARTS.test(lower);
  }

  /** Returns the value of a header; `null` where it is left out. */
  value(name: string, value: string): string | null {
    if (this.hides(name)) return null;
    return !this.#query && value.includes('?') && ADDRESSES.has(name.toLowerCase()) ? null : value;
  }

  headers(list: HeaderList): RecordedHeaders {
    const lines: [string, string | null][] = [];
    for (let at = 0; at < list.length; at += 2) {
      const name = list[at] as string;
      lines.push([name, this.value(name, list[at + 1] as string)]);
    }
    return lines;
  }

  /** Returns values by name, with `null` for those that are left out. */
  named(values: Readonly<Record<string, string>>): Record<string, string | null> {
    return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, this.value(name, value)]));
  }

  /** Returns an address, and whether its query is left out. */
  address(text: string): { readonly text: string; readonly query?: null } {
    return this.#query ? { text } : withoutQuery(text);
  }
}

/** Returns an address without its query, and `query: null` where it had one. */
export function withoutQuery(text: string): { readonly text: string; readonly query?: null } {
  const at = text.indexOf('?');
  return at === -1 ? { text } : { text: text.slice(0, at), query: null };
}
