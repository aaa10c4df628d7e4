import type { HeaderList } from '@agentwire/core';
import { cutAddress, hasSecret, PARTS, type RecordedAddress, SECRETS } from './recorded-address.ts';

/** Header lines; a value is `null` where it was redacted. */
export type RecordedHeaders = readonly (readonly [name: string, value: string | null])[];

/** Settings of a {@link Redaction}. */
export interface RedactionSettings {
  /** Names of headers whose values are redacted too. */
  readonly redact?: readonly string[] | undefined;
  /** Keeps queries and fragments of paths and of addresses in headers. */
  readonly query?: boolean | undefined;
}

/** Headers whose values are redacted in any case, and that {@link SECRET_PART} and {@link SECRET_WORD} do not find. */
const NAMES: readonly string[] = [
  'cookie',
  'cookie2',
  'sec-websocket-protocol',
  'set-cookie',
  'set-cookie2',
  'x-amzn-oidc-data',
];

/** Parts of names that are redacted in any case: credentials, tokens and the like. */
const SECRET_PART =
  /api[-_]?key|authentication|authori[sz]ation|baggage|client[-_]?(?:cert|principal)|credential|dpop|jwt|passw|secret|sess(?:ion|id)|signature|token/;

/** Words of names that are redacted in any case; `key` and `sid` at the end. */
const SECRET_WORD = /(?:^|[-_.])(?:(?:o?auth|[ht]?otp|pwd|sig)(?![^-_.])|(?:key|sid)$)/;

/** Headers whose value is an address, or has one in it. */
const ADDRESSES: ReadonlySet<string> = new Set([
  'content-location',
  'link',
  'location',
  'referer',
  'refresh',
  'sourcemap',
  'x-envoy-original-path',
  'x-forwarded-uri',
  'x-original-path',
  'x-original-uri',
  'x-original-url',
  'x-request-uri',
  'x-rewrite-url',
]);

/** Rules for what a recording leaves out: values of headers by name, and parts of addresses. Names stay. */
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
    return this.#names.has(lower) || SECRET_PART.test(lower) || SECRET_WORD.test(lower);
  }

  /** Returns the value of a header; `null` where it is left out. */
  value(name: string, value: string): string | null {
    if (this.hides(name)) return null;
    if (!this.#isOn || !ADDRESSES.has(name.toLowerCase())) return value;
    return (!this.#query && /[?#]/.test(value)) || hasSecret(value, this) ? null : value;
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

  /** Returns an address without what is left out of it. */
  address(text: string): RecordedAddress {
    return this.#isOn ? cutAddress(text, this.#query ? SECRETS : PARTS, this) : { text };
  }
}
