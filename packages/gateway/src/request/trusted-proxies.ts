import { AgentwireError } from '@agentwire/core';
import { described, type OptionCheck } from '@agentwire/core/internal';
import { AddressList, checkRanges } from './address-list.ts';

/** Checks `trustForwarded`. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export const checkTrust: OptionCheck = described(
  () => ({ anyOf: [{ type: 'boolean' }, { type: 'array', items: { type: 'string', minLength: 1 } }] }),
  (name, value) => {
    if (typeof value === 'boolean') return;
    if (Array.isArray(value)) return checkRanges(name, value);
    const got = typeof value === 'string' ? `${JSON.stringify(value)} (string)` : typeof value;
    throw new AgentwireError(
      'ERR_INVALID_ARGUMENT',
      `${name} must be true, false or a list of IP ranges, such as ['10.0.0.0/8'], got ${got}`,
    );
  },
);

/** Proxies in front of the gateway whose forwarded headers count. */
export class TrustedProxies {
  /** `undefined` where every peer is trusted, and nothing behind it. */
  readonly #list: AddressList | undefined;

  private constructor(list: AddressList | undefined) {
    this.#list = list;
  }

  /** Returns the proxies of an option; `undefined` where there are none. */
  static of(trust: boolean | readonly string[]): TrustedProxies | undefined {
    if (typeof trust === 'boolean') return trust ? new TrustedProxies(undefined) : undefined;
    return trust.length === 0 ? undefined : new TrustedProxies(new AddressList(trust));
  }

  /** Returns whether the forwarded headers of a peer count. */
  trustsPeer(address: string | undefined): boolean {
    return this.#list === undefined || this.#list.has(address);
  }

  /** Returns whether the entries before this one in a forwarded header count. */
  readonly trustsHop = (address: string | undefined): boolean => this.#list?.has(address) === true;
}
