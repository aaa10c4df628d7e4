import { once } from 'node:events';
import { ALLOW } from '@agentwire/core';
import { expect, test } from 'vitest';
import { rawClient } from './raw-client.ts';
import { setup } from './setup.ts';
import { socketUpstream } from './web-socket-setup.ts';

const HANDSHAKE =
  'GET / HTTP/1.1\r\nhost: h\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

const OPCODES = ['continuation', 'text', 'binary', '3', '4', '5', '6', '7', 'close', 'ping', 'pong'];

type Data = string | Uint8Array;

interface FrameOptions {
  readonly fin?: boolean;
  /** Reserved bits, 0 to 7. */
  readonly reserved?: number;
  readonly masked?: boolean;
  /** Length in 8 bytes, whatever it is; it may differ from the data's. */
  readonly longLength?: bigint;
}

function lengthBytes(length: number, maskBit: number, long: bigint | undefined): Buffer {
  if (long === undefined && length < 126) return Buffer.from([maskBit | length]);
  if (long === undefined && length < 65_536) return Buffer.from([maskBit | 126, length >> 8, length & 0xff]);
  const bytes = Buffer.alloc(9, maskBit | 127);
  bytes.writeBigUInt64BE(long ?? BigInt(length), 1);
  return bytes;
}

/** A frame of a client. */
function frame(opcode: number, data: Data = '', options: FrameOptions = {}): Buffer {
  const { fin = true, reserved = 0, masked = true, longLength } = options;
  const bytes = Buffer.from(data as string);
  const mask = Buffer.from([0x11, 0x22, 0x33, 0x44]);
  const head = [
    Buffer.from([(fin ? 0x80 : 0) | (reserved << 4) | opcode]),
    lengthBytes(bytes.length, masked ? 0x80 : 0, longLength),
  ];
  if (!masked) return Buffer.concat([...head, bytes]);
  return Buffer.concat([...head, mask, bytes.map((byte, at) => byte ^ (mask[at % 4] as number))]);
}

const text = (data: Data, options?: FrameOptions): Buffer => frame(1, data, options);
const binary = (data: Data, options?: FrameOptions): Buffer => frame(2, data, options);
const more = (data: Data, options?: FrameOptions): Buffer => frame(0, data, options);
const ping = (data: Data, options?: FrameOptions): Buffer => frame(9, data, options);
const part = { fin: false };
const code = (value: number, reason: Data = ''): Buffer =>
  frame(8, Buffer.concat([Buffer.from([value >> 8, value & 0xff]), Buffer.from(reason as string)]));
const DONE = code(1000);

/** Short form of a frame that came; `undefined` where it is not whole. */
function parse(bytes: Buffer): { shown: string; length: number } | undefined {
  if (bytes.length < 2) return undefined;
  const [first = 0, second = 0] = bytes;
  const short = second & 0x7f;
  const from = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < from) return undefined;
  const size = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (bytes.length < from + size) return undefined;
  const data = bytes.subarray(from, from + size);
  const opcode = OPCODES[first & 0x0f] ?? String(first & 0x0f);
  // of a close frame, the reason is the closing side's own
  const value = opcode === 'close' ? (size === 0 ? '' : data.readUInt16BE()) : size > 40 ? size : data.toString();
  return { shown: `${opcode} ${value}`.trim(), length: from + size };
}

/** Sends frames in a WebSocket of its own, cut at every byte with `chopped`. @returns frames that came until the close */
async function answersTo(url: string, frames: readonly Buffer[], chopped = false): Promise<string[]> {
  const client = await rawClient(url);
  client.send(HANDSHAKE);
  await client.until(/\r\n\r\n/);
  const all = Buffer.concat(frames);
  if (chopped) for (const byte of all) client.socket.write(Buffer.from([byte]));
  else client.socket.write(all);
  for (;;) {
    let rest = Buffer.from(client.text.slice(client.text.indexOf('\r\n\r\n') + 4), 'latin1');
    const seen: string[] = [];
    for (let one = parse(rest); one !== undefined; one = parse(rest)) {
      seen.push(one.shown);
      rest = rest.subarray(one.length);
    }
    if (seen.at(-1)?.startsWith('close') === true) {
      client.socket.destroy();
      return seen;
    }
    if (client.socket.closed) return [...seen, 'no close frame'];
    await Promise.race([once(client.socket, 'more'), once(client.socket, 'close')]);
  }
}

type Case = readonly [name: string, frames: readonly Buffer[], answers: readonly string[]];

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const closed = (value: number): string[] => [`close ${value}`];
const EURO = Buffer.from('€');

const SECTIONS: Readonly<Record<string, readonly Case[]>> = {
  lengths: [0, 1, 125, 126, 127, 128, 65_535, 65_536].flatMap((size): Case[] => {
    const shown = size > 40 ? size : 'x'.repeat(size);
    return [
      [
        `text of ${size}`,
        [text('x'.repeat(size)), DONE],
        [`text ${size > 35 ? size + 5 : `echo ${shown}`}`.trim(), 'close 1000'],
      ],
      [`binary of ${size}`, [binary('x'.repeat(size)), DONE], [`binary ${shown}`.trim(), 'close 1000']],
    ];
  }),
  'lengths in eight bytes': [
    ['66 000 bytes', [binary('x'.repeat(66_000), { longLength: 66_000n }), DONE], ['binary 66000', 'close 1000']],
    ['past the limit', [binary('', { longLength: 2n ** 31n })], closed(1009)],
    ['past safe integers', [binary('', { longLength: 2n ** 60n })], closed(1009)],
    ['with the first bit', [binary('', { longLength: 2n ** 63n + 1n })], closed(1009)],
    ['of a ping', [ping('', { longLength: 126n })], closed(1002)],
  ],
  'pings and pongs': [
    ['empty', [ping(''), DONE], ['pong', 'close 1000']],
    ['with data', [ping('Hello'), DONE], ['pong Hello', 'close 1000']],
    ['with bytes that are not UTF-8', [ping(bytes(0xff, 0xfe)), DONE], ['pong \uFFFD\uFFFD', 'close 1000']],
    ['125 bytes', [ping('x'.repeat(125)), DONE], ['pong 125', 'close 1000']],
    ['126 bytes', [ping('x'.repeat(126))], closed(1002)],
    ['a pong without a ping', [frame(10, 'x'), ping('y'), DONE], ['pong y', 'close 1000']],
    [
      'ten',
      [...Array.from({ length: 10 }, (_, n) => ping(String(n))), DONE],
      [...Array.from({ length: 10 }, (_, n) => `pong ${n}`), 'close 1000'],
    ],
  ],
  'reserved bits and opcodes': [
    ...[1, 2, 3, 4, 5, 6, 7].map((reserved): Case => [`bits ${reserved}`, [text('x', { reserved })], closed(1002)]),
    ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode): Case => [
      `opcode ${opcode}`,
      [frame(opcode, 'x')],
      closed(1002),
    ]),
    ['a ping with a bit', [ping('x', { reserved: 4 })], closed(1002)],
    ['after a message', [text('x'), text('y', { reserved: 2 })], ['text echo x', 'close 1002']],
  ],
  masking: [
    ['a text without', [text('x', { masked: false })], closed(1002)],
    ['a close frame without', [frame(8, '', { masked: false })], closed(1002)],
    ['a continuation without', [text('a', part), more('b', { masked: false })], closed(1002)],
  ],
  fragments: [
    ['two', [text('a', part), more('b'), DONE], ['text echo ab', 'close 1000']],
    ['empty ones', [text('', part), more('', part), more(''), DONE], ['text echo', 'close 1000']],
    ['binary', [binary('a', part), more('b', part), more('c'), DONE], ['binary abc', 'close 1000']],
    ['with a ping between', [text('a', part), ping('p'), more('b'), DONE], ['pong p', 'text echo ab', 'close 1000']],
    ['a close between', [text('a', part), DONE], closed(1000)],
    ['of a ping', [ping('x', part)], closed(1002)],
    ['of a pong', [frame(10, 'x', part)], closed(1002)],
    ['of a close', [frame(8, '', part)], closed(1002)],
    ['a continuation of nothing', [more('x')], closed(1002)],
    ['one of nothing that goes on', [more('x', part), more('y')], closed(1002)],
    ['one after a whole message', [text('a'), more('b')], ['text echo a', 'close 1002']],
    ['a text within another', [text('a', part), text('b')], closed(1002)],
  ],
  'texts in UTF-8': [
    [
      'cut within a character',
      [text(EURO.subarray(0, 1), part), more(EURO.subarray(1, 2), part), more(EURO.subarray(2)), DONE],
      ['text echo €', 'close 1000'],
    ],
    ['the last character of all', [text(bytes(0xf4, 0x8f, 0xbf, 0xbf)), DONE], ['text echo \u{10FFFF}', 'close 1000']],
    ['a byte that is none', [text(bytes(0xff))], closed(1007)],
    ['a character that is too long', [text(bytes(0xc0, 0xaf))], closed(1007)],
    ['half of a surrogate pair', [text(bytes(0xed, 0xa0, 0x80))], closed(1007)],
    ['past the last character', [text(bytes(0xf4, 0x90, 0x80, 0x80))], closed(1007)],
    ['an end within a character', [text(EURO.subarray(0, 2))], closed(1007)],
    ['an end within one, in fragments', [text('a', part), more(EURO.subarray(0, 2))], closed(1007)],
    ['a bad second fragment', [text('a', part), more(bytes(0x80))], closed(1007)],
    ['binary is not checked', [binary(bytes(0xff)), DONE], ['binary \uFFFD', 'close 1000']],
  ],
  closes: [
    ['without a code', [frame(8)], ['close']],
    ['half a code', [frame(8, bytes(3))], closed(1002)],
    ['with a reason', [code(1000, 'bye')], closed(1000)],
    ['with the longest reason', [code(1000, 'x'.repeat(123))], closed(1000)],
    ['with a longer one', [code(1000, 'x'.repeat(124))], closed(1002)],
    ['with a reason that is not UTF-8', [code(1000, bytes(0xff))], closed(1007)],
    ['with frames after it', [DONE, text('x'), ping('y')], closed(1000)],
    ...[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999].map((value): Case => [
      `code ${value}`,
      [code(value)],
      closed(value),
    ]),
    ...[0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535].map((value): Case => [
      `code ${value}`,
      [code(value)],
      closed(1002),
    ]),
  ],
};

const MODES = ['an agent judges frames', 'an agent observes them', 'no agent takes them'] as const;

test.each(MODES.flatMap((mode) => Object.keys(SECTIONS).map((section) => [section, mode] as const)))(
  '%s, where %s',
  async (section, mode) => {
    const upstream = await socketUpstream({ maxPayload: 1024 ** 2 });
    const agents = mode === 'no agent takes them' ? {} : { agent: () => ALLOW };
    const observes = mode === 'an agent observes them';
    const { url } = await setup(agents, {
      upstream: upstream.url,
      ...(observes && { agentSettings: { agent: { mode: 'observe' as const } } }),
    });
    const cases = SECTIONS[section] ?? [];
    const answers = await Promise.all(cases.map(([, frames]) => answersTo(url, frames)));
    expect(Object.fromEntries(cases.map(([name], at) => [name, answers[at]]))).toEqual(
      Object.fromEntries(cases.map(([name, , expected]) => [name, expected])),
    );
  },
);

test('frames that come byte by byte are the same', async () => {
  const upstream = await socketUpstream();
  const { url } = await setup({ agent: () => ALLOW }, { upstream: upstream.url });
  for (const [, frames, expected] of SECTIONS['fragments'] ?? [])
    expect(await answersTo(url, frames, true)).toEqual(expected);
});
