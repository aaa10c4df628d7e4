import { BlockList, isIP, isIPv6, SocketAddress } from 'node:net';
import { AgentwireError } from '@agentwire/core';
import { described, OPTION, type OptionCheck } from '@agentwire/core/internal';

/** Returns the parts of `ADDRESS/BITS` or `ADDRESS`; `undefined` for anything else. */
function parseRange(text: string): { readonly address: string; readonly bits: number } | undefined {
  const [, address = '', bits] = /^([\dA-Fa-f.:]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  if (version === 0) return undefined;
  const most = version === 4 ? 32 : 128;
  const length = bits === undefined ? most : Number(bits);
  return length > most ? undefined : { address, bits: length };
}

/** Checks an IP address or a range of them. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
const checkRange: OptionCheck = (name, value) => {
  if (typeof value === 'string' && parseRange(value) !== undefined) return;
  const got = typeof value === 'string' ? JSON.stringify(value.slice(0, 64)) : typeof value;
  throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name} must be an IP address or ADDRESS/BITS, got ${got}`);
};

/** Checks a list of IP addresses and ranges. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export const checkRanges: OptionCheck = described(
  () => ({ type: 'array', items: { type: 'string', minLength: 1 } }),
  (name, value) => {
    if (Array.isArray(value)) return OPTION.listOf(checkRange)(name, value);
    const got = typeof value === 'string' ? `${JSON.stringify(value)} (string)` : typeof value;
    throw new AgentwireError(
      'ERR_INVALID_ARGUMENT',
      `${name} must be a list of IP ranges, such as ['10.0.0.0/8'], got ${got}`,
    );
  },
);

/** Returns an address as lists have it: an IPv4 address without the `::ffff:` of a dual-stack listener, and no IPv6 zone. */
function plainAddress(address: string): string {
  const v4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (v4 !== undefined) return v4;
  const zone = address.indexOf('%');
  return zone === -1 ? address : address.slice(0, zone);
}

/** Returns an IP address in the one spelling that sockets have, whatever a proxy wrote: `0:0:0:0:0:FFFF:0707:0707` is `7.7.7.7`. */
export function normalAddress(address: string): string {
  const plain = plainAddress(address);
  return isIPv6(plain) ? plainAddress(new SocketAddress({ family: 'ipv6', address: plain }).address) : plain;
}

/** IP addresses of ranges, such as `10.0.0.0/8`. */
export class AddressList {
  readonly #list = new BlockList();

  /** @param ranges checked by {@link checkRange} */
  constructor(ranges: readonly string[]) {
    for (const text of ranges) {
      const { address, bits } = parseRange(text) ?? { address: '', bits: 0 };
      this.#list.addSubnet(address, bits, isIPv6(address) ? 'ipv6' : 'ipv4');
    }
  }

  /** @param address without brackets; `undefined` is in no list */
  has(address: string | undefined): boolean {
    if (address === undefined) return false;
    const plain = plainAddress(address);
    const version = isIP(plain);
    return version !== 0 && this.#list.check(plain, version === 6 ? 'ipv6' : 'ipv4');
  }
}
