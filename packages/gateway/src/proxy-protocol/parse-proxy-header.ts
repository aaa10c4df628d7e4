import { isIPv4, isIPv6 } from 'node:net';
import { normalAddress } from '../request/address-list.ts';

/** Client that a proxy names. */
export interface ProxiedClient {
  readonly address: string;
  readonly port: number;
}

/** Header of the PROXY protocol, read to its end. */
interface ProxyHeader {
  /** Bytes of the connection that it takes. */
  readonly length: number;
  /** `undefined` where the connection is the proxy's own (LOCAL), or its client has no IP address (UNKNOWN, Unix sockets). */
  readonly client: ProxiedClient | undefined;
}

/** Result for the first bytes of a connection; `more` where they do not tell yet. */
export type ParsedProxyHeader = ProxyHeader | 'more' | 'invalid';

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const PREFIX_V1 = Buffer.from('PROXY ', 'latin1');

/** Longest header of version 1, with its line end. */
const MAX_V1_BYTES = 107;

/** Longest header of version 2 that is read, beyond its 16 fixed bytes: addresses, and what a proxy adds to them. */
const MAX_V2_BYTES = 4_096;

const FIXED_BYTES = 16;
const VERSION_2 = 0x2;
const LOCAL = 0x0;
const PROXY = 0x1;
const UNSPECIFIED = 0x00;
const TCP4 = 0x11;
const TCP6 = 0x21;
const UNIX = 0x31;

/** Bytes of both addresses, and of both ports where there are any. */
const ADDRESS_BYTES: Readonly<Record<number, number>> = { [UNSPECIFIED]: 0, [TCP4]: 12, [TCP6]: 36, [UNIX]: 216 };

function portOf(text: string): number {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535 ? Number(text) : -1;
}

function parseV1(bytes: Buffer): ParsedProxyHeader {
  const end = bytes.subarray(0, MAX_V1_BYTES).indexOf('\r\n');
  if (end === -1) return bytes.length < MAX_V1_BYTES ? 'more' : 'invalid';
  const length = end + 2;
  const [, family = '', ...rest] = bytes.toString('latin1', 0, end).split(' ');
  // what follows UNKNOWN does not count
  if (family === 'UNKNOWN') return { length, client: undefined };
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : undefined;
  const [source = '', destination = '', sourcePort = '', destinationPort = ''] = rest;
  const port = portOf(sourcePort);
  if (isAddress === undefined || rest.length !== 4 || port === -1 || portOf(destinationPort) === -1) return 'invalid';
  if (!isAddress(source) || !isAddress(destination) || source.includes('%') || destination.includes('%'))
    return 'invalid';
  return { length, client: { address: normalAddress(source), port } };
}

function ipv6(bytes: Buffer): string {
  return normalAddress(Array.from({ length: 8 }, (_one, at) => bytes.readUInt16BE(2 * at).toString(16)).join(':'));
}

/** Returns whether the rest of a header is a list of types, lengths and values. */
function isTlvList(bytes: Buffer): boolean {
  let at = 0;
  while (at + 3 <= bytes.length) at += 3 + bytes.readUInt16BE(at + 1);
  return at === bytes.length;
}

function parseV2(bytes: Buffer): ParsedProxyHeader {
  const [versionAndCommand = 0, family = 0] = bytes.subarray(SIGNATURE.length, FIXED_BYTES);
  const command = versionAndCommand & 0xf;
  if (bytes.length > SIGNATURE.length && versionAndCommand >> 4 !== VERSION_2) return 'invalid';
  if (bytes.length < FIXED_BYTES) return 'more';
  const size = bytes.readUInt16BE(FIXED_BYTES - 2);
  if (command > PROXY || size > MAX_V2_BYTES) return 'invalid';
  const length = FIXED_BYTES + size;
  const wanted = ADDRESS_BYTES[family];
  // the proxy's own connection, such as a health check: family and addresses do not count
  if (command === LOCAL) return bytes.length < length ? 'more' : { length, client: undefined };
  if (wanted === undefined || size < wanted) return 'invalid';
  if (bytes.length < length) return 'more';
  const body = bytes.subarray(FIXED_BYTES, length);
  // what a proxy sends without a family is not defined, and skipped
  if (family === UNSPECIFIED) return { length, client: undefined };
  if (!isTlvList(body.subarray(wanted))) return 'invalid';
  if (family === UNIX) return { length, client: undefined };
  if (family === TCP4)
    return { length, client: { address: body.subarray(0, 4).join('.'), port: body.readUInt16BE(8) } };
  return { length, client: { address: ipv6(body), port: body.readUInt16BE(32) } };
}

/** Parses the header of version 1 or 2 with which a proxy begins a connection. Never reads past its end. */
export function parseProxyHeader(bytes: Buffer): ParsedProxyHeader {
  for (const [prefix, parse] of [
    [PREFIX_V1, parseV1],
    [SIGNATURE, parseV2],
  ] as const) {
    const known = Math.min(bytes.length, prefix.length);
    if (bytes.compare(prefix, 0, known, 0, known) !== 0) continue;
    return known < prefix.length ? 'more' : parse(bytes);
  }
  return 'invalid';
}
