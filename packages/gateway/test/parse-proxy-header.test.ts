import { isIPv6, SocketAddress } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseProxyHeader } from '../src/proxy-protocol/parse-proxy-header.ts';

const SIGNATURE = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]);
const AFTER = Buffer.from('GET / HTTP/1.1\r\n\r\n');

function v2(command: number, family: number, body: Uint8Array, size = body.length): Buffer {
  const head = Buffer.from([...SIGNATURE, command, family, size >> 8, size & 0xff]);
  return Buffer.concat([head, body]);
}

const TCP4 = Buffer.from([192, 0, 2, 7, 198, 51, 100, 1, 0xc0, 0x01, 0x01, 0xbb]);
const TCP6 = Buffer.concat([
  Buffer.from('20010db8000000000000000000000007', 'hex'),
  Buffer.from('20010db8000000000000000000000001', 'hex'),
  Buffer.from([0x04, 0x00, 0x01, 0xbb]),
]);
const TLV = Buffer.from([0x04, 0x00, 0x02, 0xaa, 0xbb]);

const v1 = (line: string): Buffer => Buffer.from(`${line}\r\n`, 'latin1');

describe('headers that are taken', () => {
  test.each<[string, Buffer, { address: string; port: number } | undefined]>([
    ['v1 TCP4', v1('PROXY TCP4 192.0.2.7 198.51.100.1 49153 443'), { address: '192.0.2.7', port: 49_153 }],
    ['v1 TCP6', v1('PROXY TCP6 2001:DB8::7 2001:db8::1 1024 443'), { address: '2001:db8::7', port: 1_024 }],
    ['v1 port 0', v1('PROXY TCP4 192.0.2.7 198.51.100.1 0 65535'), { address: '192.0.2.7', port: 0 }],
    ['v1 UNKNOWN', v1('PROXY UNKNOWN'), undefined],
    ['v1 UNKNOWN with more', v1('PROXY UNKNOWN ffff::1 ffff::2 65535 65535'), undefined],
    [
      'v1 of the longest kind',
      v1(`PROXY UNKNOWN ${'f'.repeat(4)}${':ffff'.repeat(7)} ${'f'.repeat(4)}${':ffff'.repeat(7)} 65535 65535`),
      undefined,
    ],
    ['v2 TCP4', v2(0x21, 0x11, TCP4), { address: '192.0.2.7', port: 49_153 }],
    ['v2 TCP6', v2(0x21, 0x21, TCP6), { address: '2001:db8::7', port: 1_024 }],
    ['v2 TCP4 with TLVs', v2(0x21, 0x11, Buffer.concat([TCP4, TLV, TLV])), { address: '192.0.2.7', port: 49_153 }],
    ['v2 Unix sockets', v2(0x21, 0x31, Buffer.alloc(216)), undefined],
    ['v2 without a family', v2(0x21, 0x00, Buffer.from('anything')), undefined],
    ['v2 LOCAL', v2(0x20, 0x00, Buffer.alloc(0)), undefined],
    ['v2 LOCAL with addresses, which do not count', v2(0x20, 0x11, TCP4), undefined],
    [
      'v2 of a mapped IPv4 address',
      v2(0x21, 0x21, Buffer.concat([Buffer.from('00000000000000000000ffffc0000207', 'hex'), TCP6.subarray(16)])),
      { address: '192.0.2.7', port: 1_024 },
    ],
  ])('%s', (_what, header, client) => {
    expect(parseProxyHeader(Buffer.concat([header, AFTER]))).toEqual({ length: header.length, client });
    // a byte at a time
    for (let end = 1; end < header.length; end++) expect(parseProxyHeader(header.subarray(0, end))).toBe('more');
  });
});

describe('headers that are refused', () => {
  test.each<[string, Buffer]>([
    ['none', AFTER],
    ['a TLS record', Buffer.from([0x16, 0x03, 0x01])],
    ['v1 in lower case', v1('proxy TCP4 192.0.2.7 198.51.100.1 1 2')],
    ['v1 of another family', v1('PROXY UDP4 192.0.2.7 198.51.100.1 1 2')],
    ['v1 without ports', v1('PROXY TCP4 192.0.2.7 198.51.100.1')],
    ['v1 with more fields', v1('PROXY TCP4 192.0.2.7 198.51.100.1 1 2 3')],
    ['v1 with two spaces', v1('PROXY TCP4  192.0.2.7 198.51.100.1 1 2')],
    ['v1 with an IPv6 address as TCP4', v1('PROXY TCP4 ::1 ::1 1 2')],
    ['v1 with an IPv4 address as TCP6', v1('PROXY TCP6 192.0.2.7 198.51.100.1 1 2')],
    ['v1 with a zone', v1('PROXY TCP6 fe80::1%eth0 fe80::2 1 2')],
    ['v1 with leading zeros', v1('PROXY TCP4 192.0.2.7 198.51.100.1 01 2')],
    ['v1 with a sign', v1('PROXY TCP4 192.0.2.7 198.51.100.1 +1 2')],
    ['v1 with a port past the last', v1('PROXY TCP4 192.0.2.7 198.51.100.1 1 65536')],
    ['v1 with octal octets', v1('PROXY TCP4 192.0.2.07 198.51.100.1 1 2')],
    ['v1 with only LF', Buffer.from(`PROXY TCP4 192.0.2.7 198.51.100.1 1 2\n${' '.repeat(80)}`)],
    ['v1 past 107 bytes', v1(`PROXY UNKNOWN ${'x'.repeat(92)}`)],
    ['v2 of another version', v2(0x11, 0x11, TCP4)],
    ['v2 of another command', v2(0x22, 0x11, TCP4)],
    ['v2 of datagrams', v2(0x21, 0x12, TCP4)],
    ['v2 of an unknown family', v2(0x21, 0x41, TCP4)],
    ['v2 too short for its addresses', v2(0x21, 0x11, TCP4.subarray(0, 8))],
    ['v2 too long', v2(0x21, 0x11, TCP4, 5_000)],
    ['v2 with a TLV past the end', v2(0x21, 0x11, Buffer.concat([TCP4, Buffer.from([4, 0, 9, 1])]))],
    ['v2 with half a TLV', v2(0x21, 0x11, Buffer.concat([TCP4, Buffer.from([4, 0])]))],
  ])('%s', (_what, header) => {
    expect(parseProxyHeader(header)).toBe('invalid');
  });
});

const octets = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 4, maxLength: 4 });
const port = fc.integer({ min: 0, max: 65_535 });

test('every header that can be written is read back, and nothing behind it', () => {
  const tlvs = fc.array(fc.tuple(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 40 })), { maxLength: 5 });
  fc.assert(
    fc.property(
      octets,
      octets,
      port,
      port,
      tlvs,
      fc.uint8Array({ maxLength: 50 }),
      (from, to, source, end, list, after) => {
        const client = { address: from.join('.'), port: source };
        const line = v1(`PROXY TCP4 ${from.join('.')} ${to.join('.')} ${source} ${end}`);
        expect(parseProxyHeader(Buffer.concat([line, after]))).toEqual({ length: line.length, client });
        const ports = Buffer.alloc(4);
        ports.writeUInt16BE(source, 0);
        ports.writeUInt16BE(end, 2);
        const extra = list.map(([type, value]) =>
          Buffer.from([type, value.length >> 8, value.length & 0xff, ...value]),
        );
        const binary = v2(0x21, 0x11, Buffer.concat([Buffer.from([...from, ...to]), ports, ...extra]));
        expect(parseProxyHeader(Buffer.concat([binary, after]))).toEqual({ length: binary.length, client });
      },
    ),
  );
});

test('IPv6 addresses are written as the system writes them', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const parsed = parseProxyHeader(v2(0x21, 0x21, Buffer.concat([bytes, TCP6.subarray(16)])));
      if (typeof parsed === 'string') throw new Error(parsed);
      const { address = '' } = parsed.client ?? {};
      if (!isIPv6(address)) return;
      expect(new SocketAddress({ family: 'ipv6', address }).address).toBe(address);
    }),
  );
});

test('no bytes make it throw, read past its bound, or change its mind', () => {
  const start = fc.constantFrom(SIGNATURE, Buffer.from('PROXY '), Buffer.from('PROXY TCP4 '), Buffer.alloc(0));
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 300 }), fc.nat(), (begin, rest, cut) => {
      const bytes = Buffer.concat([begin, rest]);
      const whole = parseProxyHeader(bytes);
      const part = parseProxyHeader(bytes.subarray(0, cut % (bytes.length + 1)));
      // what the first bytes have told stays
      if (part !== 'more') expect(whole).toEqual(part);
      if (typeof whole !== 'string') expect(whole.length).toBeLessThanOrEqual(bytes.length);
      if (whole === 'more') expect(bytes.length).toBeLessThan(4_096 + 16);
    }),
    { numRuns: 2_000 },
  );
});
