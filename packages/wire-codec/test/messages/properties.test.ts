import { AgentwireError, type Message, type Role } from '@agentwire/core';
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, test } from 'vitest';

import { byteOf } from '../../src/dialects/message-types.ts';
import { CODEC_LIMITS } from '../../src/index.ts';
import { readReference, toWire, writeReference } from '../../src/messages/reference-codec.ts';
import { answer, bodyChunk, requestHeaders, runs } from './arbitraries.ts';
import { codecPair, FORMATS, frameOf, openOutbox, readFrame } from './codec-pair.ts';
import { samplesOf } from './samples.ts';
import { WireFloat } from '../../src/messages/wire-object.ts';

const MAX = 16 * 1024 * 1024;
const packr = new Packr({ useRecords: false, variableMapSize: true, int64AsType: 'auto' as 'bigint' });

function referenceFrame(message: Message, format: Parameters<typeof toWire>[1]): Buffer {
  const outbox = openOutbox();
  const start = outbox.reserve(0);
  writeReference(message, byteOf(message.type, format.dialect) ?? 0, format, MAX, outbox);
  return Buffer.from(outbox.bytes.subarray(start, start + outbox.size));
}

/** A wire object as msgpackr returns it. */
function plain(value: unknown): unknown {
  if (value instanceof WireFloat) return value.bits === 32 ? Math.fround(value.value) : value.value;
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, one]) => (one === undefined ? [] : [[key, plain(one)]])),
  );
}

const hasProto = (message: Message): boolean =>
  JSON.stringify(message, (_key, one: unknown) => (typeof one === 'bigint' ? '' : one)).includes('__proto__');

describe.each(FORMATS)('$dialect $encoding', ({ dialect, encoding }) => {
  const format = { dialect, encoding, errors: dialect === 'documented' };
  const pair = codecPair(dialect, encoding);
  const cases: readonly (readonly [string, fc.Arbitrary<Message>, Role])[] = [
    ['request headers', requestHeaders(dialect), 'proxy'],
    ['body chunks', bodyChunk(dialect), 'proxy'],
    ['answers', answer(dialect), 'agent'],
  ];

  test.each(cases)('%s are read unchanged, and the two layers write and read the same', (_what, arbitrary, from) => {
    fc.assert(
      fc.property(arbitrary, (message) => {
        const frame = frameOf(pair[from], message);
        expect(frame.equals(referenceFrame(message, format))).toBe(true);
        const reader = from === 'proxy' ? pair.agent : pair.proxy;
        const received = readFrame(reader, frame);
        expect(received).toEqual(message);
        expect(received).toStrictEqual(readReference(message.type, frame, 5, frame.length, format, CODEC_LIMITS));
      }),
      runs(0.04),
    );
  });

  test.each(cases)('damaged %s are read alike by the two layers, or refused', (_what, arbitrary, from) => {
    fc.assert(
      fc.property(arbitrary, fc.nat(), fc.nat(255), fc.boolean(), (message, where, byte, cut) => {
        const frame = frameOf(pair[from], message);
        const at = 5 + (where % (frame.length - 5));
        frame[at] = byte;
        const end = cut ? at : frame.length;
        // a fresh codec, so that damaged frames do not add up to sixteen in a row
        const fresh = codecPair(dialect, encoding);
        const reader = from === 'proxy' ? fresh.agent : fresh.proxy;
        const expected = readReference(message.type, frame, 5, end, format, CODEC_LIMITS);
        const received = reader.read(frame.readUInt8(4), frame, 5, end);
        if (expected.type === 'malformed') {
          expect(expected.error).toBeInstanceOf(AgentwireError);
          expect(received === undefined || received.type === 'malformed').toBe(true);
          expect(received?.type === 'malformed' ? received.id : undefined).toBe(expected.id);
        } else expect(received).toStrictEqual(expected);
      }),
      runs(0.03),
    );
  });

  if (encoding !== 'msgpack') return;

  test.each(cases)('%s are what msgpackr reads', (_what, arbitrary, from) => {
    fc.assert(
      fc.property(
        arbitrary.filter((message) => !hasProto(message)),
        (message) => {
          const frame = frameOf(pair[from], message);
          expect(packr.unpack(frame.subarray(5))).toEqual(plain(toWire(message, format)));
        },
      ),
      runs(0.02),
    );
  });

  test.each(samplesOf(dialect).filter(({ message }) => !['ping', 'pong', 'cancel'].includes(message.type)))(
    'reads what msgpackr writes of $name',
    ({ from, message }) => {
      const payload = packr.pack(plain(toWire(message, format)));
      const frame = frameOf(pair[from], message);
      const received = (from === 'proxy' ? pair.agent : pair.proxy).read(
        frame.readUInt8(4),
        payload,
        0,
        payload.length,
      );
      expect(received).toEqual(message);
    },
  );
});
