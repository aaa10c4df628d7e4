import { AgentwireError } from '@agentwire/core';
import { createFrameDecoder, MAX_FRAME_BYTES, MAX_HANDSHAKE_FRAME_BYTES } from '@agentwire/wire-codec';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

interface Frame {
  readonly type: number;
  readonly payload: Buffer;
}

function encode({ type, payload }: Frame): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(payload.length + 1);
  head[4] = type;
  return Buffer.concat([head, payload]);
}

function header(length: number): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(length);
  return head;
}

function collect(limitBytes?: number): { frames: Frame[]; decoder: ReturnType<typeof createFrameDecoder> } {
  const frames: Frame[] = [];
  const decoder = createFrameDecoder({
    limitBytes,
    onFrame: (type, bytes, start, end) => frames.push({ type, payload: Buffer.from(bytes.subarray(start, end)) }),
  });
  return { frames, decoder };
}

const anyFrame = fc.record({
  type: fc.nat(255),
  payload: fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes)),
});

test('frames are delivered unchanged, however the stream is cut', () => {
  fc.assert(
    fc.property(
      fc.array(anyFrame, { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 4000 }), { minLength: 1 }),
      (sent, cuts) => {
        const stream = Buffer.concat(sent.map(encode));
        const { frames, decoder } = collect();
        for (let at = 0, turn = 0; at < stream.length; turn += 1) {
          const next = at + (cuts[turn % cuts.length] ?? 1);
          decoder.push(stream.subarray(at, next));
          at = next;
        }
        expect(frames).toEqual(sent);
        expect(decoder.incompleteBytes).toBe(0);
      },
    ),
    { numRuns: 500 },
  );
});

test('a chunk that is not retained may be overwritten at once, also while the decoder is paused', () => {
  let overwritten = 0;
  const longFrame = fc.record({
    type: fc.nat(255),
    payload: fc.uint8Array({ minLength: 300, maxLength: 600 }).map((bytes) => Buffer.from(bytes)),
  });
  fc.assert(
    fc.property(
      fc.array(fc.oneof(anyFrame, longFrame), { maxLength: 8 }),
      fc.array(fc.record({ length: fc.integer({ min: 1, max: 300 }), hold: fc.boolean() }), { minLength: 1 }),
      (sent, cuts) => {
        const stream = Buffer.concat(sent.map(encode));
        const views: { readonly type: number; readonly payload: Buffer }[] = [];
        const decoder = createFrameDecoder({
          onFrame(type, bytes, start, end, isAlone) {
            const payload = bytes.subarray(start, end);
            // of every second type no view is kept
            const isKept = type % 2 === 0;
            views.push({ type, payload: isAlone || !isKept ? Buffer.from(payload) : payload });
            if (isAlone) bytes.fill(0xee);
            return isKept;
          },
        });
        for (let at = 0, turn = 0; at < stream.length; turn += 1) {
          const { length, hold } = cuts[turn % cuts.length] ?? { length: 1, hold: false };
          const chunk = Buffer.from(stream.subarray(at, at + length));
          if (hold) decoder.pause();
          decoder.push(chunk);
          if (!decoder.retained) {
            chunk.fill(0xee);
            overwritten += 1;
          }
          decoder.resume();
          at += length;
        }
        expect(views).toEqual(sent);
      },
    ),
    { numRuns: 500 },
  );
  expect(overwritten).toBeGreaterThan(100);
});

test('a stream that ends early delivers the frames before the cut and counts the incomplete bytes', () => {
  const sent = [1, 2, 3].map((type) => ({ type, payload: Buffer.alloc(10, type) }));
  const stream = Buffer.concat(sent.map(encode));
  for (let cut = 0; cut <= stream.length; cut += 1) {
    const { frames, decoder } = collect();
    decoder.push(stream.subarray(0, cut));
    expect(frames).toEqual(sent.slice(0, Math.floor(cut / 15)));
    expect(decoder.incompleteBytes).toBe(cut % 15);
  }
});

describe('length', () => {
  test.each([
    [0, 'ERR_PROTOCOL'],
    [65_537, 'ERR_MESSAGE_TOO_LARGE'],
    [0xffff_ffff, 'ERR_MESSAGE_TOO_LARGE'],
  ])('%i is refused before the handshake', (length, code) => {
    const { decoder } = collect(MAX_HANDSHAKE_FRAME_BYTES);
    expect(() => decoder.push(header(length))).toThrow(expect.objectContaining({ code }) as Error);
  });

  test('the limit is inclusive and can be raised later', () => {
    const { frames, decoder } = collect(100);
    decoder.push(encode({ type: 1, payload: Buffer.alloc(99) }));
    decoder.limitBytes = MAX_FRAME_BYTES;
    decoder.push(encode({ type: 2, payload: Buffer.alloc(MAX_FRAME_BYTES - 1) }));
    expect(frames.map(({ payload }) => payload.length)).toEqual([99, MAX_FRAME_BYTES - 1]);
    expect(() => decoder.push(header(MAX_FRAME_BYTES + 1))).toThrow(AgentwireError);
  });

  test('every byte of a cut length field may come alone', () => {
    const { decoder } = collect(100);
    for (const byte of [0, 0, 0]) decoder.push(Buffer.of(byte));
    expect(() => decoder.push(Buffer.of(0))).toThrow(/length 0/);
    decoder.push(encode({ type: 1, payload: Buffer.alloc(1) }));
    expect(decoder.incompleteBytes).toBe(0);
  });
});

test('a frame that is announced and does not arrive costs at most 64 KiB', () => {
  const before = process.memoryUsage().arrayBuffers;
  const decoders = Array.from({ length: 200 }, () => {
    const { decoder } = collect();
    decoder.push(header(MAX_FRAME_BYTES));
    decoder.push(Buffer.alloc(100));
    return decoder;
  });
  const each = (process.memoryUsage().arrayBuffers - before) / decoders.length;
  expect(decoders.every((decoder) => decoder.incompleteBytes === 104)).toBe(true);
  expect(each).toBeLessThan(64 * 1024);
});

test('16 MiB in reads of 64 KiB are copied a bounded number of times', () => {
  const sent = { type: 0x11, payload: Buffer.alloc(MAX_FRAME_BYTES - 1, 7) };
  const stream = encode(sent);
  const { frames, decoder } = collect();
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  for (let at = 0; at < stream.length; at += 65_536) {
    decoder.push(stream.subarray(at, at + 65_536));
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  expect(frames[0]?.payload.equals(sent.payload)).toBe(true);
  // the frame, the copy that this test keeps, and the buffers it outgrew
  expect(most).toBeLessThan(3 * MAX_FRAME_BYTES);
});

describe('pause', () => {
  test('stops in the middle of a chunk and keeps the rest', () => {
    const seen: number[] = [];
    const decoder = createFrameDecoder({
      onFrame(type) {
        seen.push(type);
        decoder.pause();
      },
    });
    const frameOf = (type: number): Buffer => encode({ type, payload: Buffer.alloc(2) });
    decoder.push(Buffer.concat([frameOf(1), frameOf(2)]));
    decoder.push(frameOf(3));
    expect([seen, decoder.pendingBytes]).toEqual([[1], 14]);
    decoder.resume();
    expect([seen, decoder.pendingBytes]).toEqual([[1, 2], 7]);
    decoder.resume();
    expect([seen, decoder.pendingBytes]).toEqual([[1, 2, 3], 0]);
  });

  test('resume and push inside onFrame deliver nothing inside the delivery', () => {
    const seen: string[] = [];
    const decoder = createFrameDecoder({
      onFrame(type) {
        seen.push(`begin ${type}`);
        decoder.pause();
        decoder.resume();
        if (type === 1) decoder.push(encode({ type: 3, payload: Buffer.alloc(0) }));
        seen.push(`end ${type}`);
      },
    });
    decoder.push(Buffer.concat([1, 2].map((type) => encode({ type, payload: Buffer.alloc(0) }))));
    decoder.resume();
    expect(seen).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2', 'begin 3', 'end 3']);
  });
});

test('stop inside onFrame drops the rest, and later pushes do nothing', () => {
  const seen: number[] = [];
  const decoder = createFrameDecoder({
    onFrame(type) {
      seen.push(type);
      decoder.stop();
    },
  });
  const frame = encode({ type: 1, payload: Buffer.alloc(4) });
  decoder.push(Buffer.concat([frame, frame, frame.subarray(0, 3)]));
  decoder.push(frame);
  expect([seen, decoder.incompleteBytes]).toEqual([[1], 0]);
});

test('an error of onFrame is thrown by push and stops the decoder', () => {
  let calls = 0;
  const decoder = createFrameDecoder({
    onFrame() {
      calls += 1;
      throw new RangeError('no');
    },
  });
  const frame = encode({ type: 1, payload: Buffer.alloc(1) });
  expect(() => decoder.push(Buffer.concat([frame, frame]))).toThrow(RangeError);
  decoder.push(frame);
  expect(calls).toBe(1);
});

test('a cut frame has the time of its first byte', () => {
  let now = 5;
  const decoder = createFrameDecoder({ onFrame: () => undefined, now: () => now });
  const frame = encode({ type: 1, payload: Buffer.alloc(10) });
  decoder.push(frame.subarray(0, 3));
  now = 9;
  decoder.push(frame.subarray(3, 8));
  expect([decoder.incompleteBytes, decoder.incompleteSinceMs]).toEqual([8, 5]);
  decoder.push(Buffer.concat([frame.subarray(8), frame.subarray(0, 1)]));
  expect([decoder.incompleteBytes, decoder.incompleteSinceMs]).toEqual([1, 9]);
});
