import { parseArgs } from 'node:util';

import type { Message } from '@agentwire/core';
import { Packr } from 'msgpackr';

import { createMessageCodec, type MessageCodec } from '../src/index.ts';
import { toWire } from '../src/messages/reference-codec.ts';
import { FORMATS, frameOf, peerOf, readFrame } from '../test/messages/codec-pair.ts';
import { Outbox } from '../src/outbox/outbox.ts';
import { decisionOf, Dice, requestOf } from './workload.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, count: { type: 'string', default: '20000' } },
});
const ROUNDS = Number(values.rounds);
const COUNT = Number(values.count);
const POOL = 1024;

/** Nanoseconds of one call, median of the rounds. */
function time(run: (i: number) => unknown): number {
  let sink: unknown;
  for (let i = 0; i < COUNT; i++) sink = run(i);
  const rounds = Array.from({ length: ROUNDS }, () => {
    const start = process.hrtime.bigint();
    for (let i = 0; i < COUNT; i++) sink = run(i);
    return Number(process.hrtime.bigint() - start) / COUNT;
  }).toSorted((a, b) => a - b);
  if (sink === rounds) throw new Error('unreachable');
  return Math.round(rounds[ROUNDS >> 1] as number);
}

/** An outbox whose bytes are gone at once. */
function emptyOutbox(): Outbox {
  const outbox: Outbox = new Outbox(
    { write: (_chunk, done) => done() },
    { onDrain: () => undefined, earlyFlushBytes: 1 },
  );
  return outbox;
}

const freeze = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(freeze);
  return Object.freeze(value);
};

function measure(writer: MessageCodec, reader: MessageCodec, pool: readonly Message[]): readonly [number, number] {
  const outbox = emptyOutbox();
  const write = time((i) => writer.write(pool[i % pool.length] as Message, outbox));
  // as they come in: many frames in one read.
  const frames = pool.map((message) => frameOf(writer, message));
  const reads: { readonly bytes: Buffer; readonly at: readonly (readonly [number, number])[] }[] = [];
  for (let i = 0; i < frames.length; i += 64) {
    const group = frames.slice(i, i + 64);
    let at = 0;
    reads.push({ bytes: Buffer.concat(group), at: group.map((frame) => [at + 5, (at += frame.length)] as const) });
  }
  const type = frames[0]?.readUInt8(4) ?? 0;
  let read = 0;
  const decode = time((i) => {
    if (i % 64 === 0) {
      read = (read + 1) % reads.length;
      const { bytes } = reads[read] as (typeof reads)[number];
      reads[read] = { bytes: bytes.subarray(0), at: (reads[read] as (typeof reads)[number]).at };
    }
    const { bytes, at } = reads[read] as (typeof reads)[number];
    const [from, to] = at[i % at.length] as readonly [number, number];
    return reader.read(type, bytes, from, to);
  });
  return [write, decode];
}

const packr = new Packr({ useRecords: false, variableMapSize: true });
const rows: Record<string, unknown>[] = [];
for (const { dialect, encoding } of FORMATS) {
  const proxy = createMessageCodec({ role: 'proxy', peer: peerOf(dialect, encoding, 'agent') });
  const agent = createMessageCodec({ role: 'agent', peer: peerOf(dialect, encoding, 'proxy') });
  const format = { dialect, encoding, errors: false };
  const dice = new Dice(1);
  const id = (i: number): number | string =>
    dialect === 'documented' ? i * 65_536 + 7 : `px-1-${i}-${'a'.repeat(24)}`;
  const events = Array.from({ length: POOL }, (_, i) => requestOf(dice, id(i)));
  const constant = freeze(decisionOf('ok'));
  const pools: readonly (readonly [string, readonly Message[], boolean])[] = [
    ['request headers', events, true],
    [
      'chunk 1 KiB',
      events.map((event, i) => ({
        type: 'requestBodyChunk',
        id: event.id,
        index: i,
        data: Buffer.alloc(1024, i),
        last: false,
      })),
      true,
    ],
    [
      'chunk 64 KiB',
      Array.from({ length: 64 }, (_, i) => ({
        type: 'requestBodyChunk' as const,
        id: id(i),
        index: i,
        data: Buffer.alloc(65_536, i),
        last: false,
      })),
      true,
    ],
    ['answer, frozen', events.map((event) => ({ type: 'answer', id: event.id, decision: constant })), false],
    [
      'answer, new tag',
      events.map((event, i) => ({ type: 'answer', id: event.id, decision: decisionOf(`tag-${i}`) })),
      false,
    ],
  ];
  for (const [what, pool, fromProxy] of pools) {
    const [write, read] = fromProxy ? measure(proxy, agent, pool) : measure(agent, proxy, pool);
    const wires = pool.map((message) => toWire(message, format));
    const texts = wires.map((wire) => (encoding === 'json' ? Buffer.from(JSON.stringify(wire)) : packr.pack(wire)));
    const plainWrite = time((i) =>
      encoding === 'json' ? Buffer.from(JSON.stringify(wires[i % wires.length])) : packr.pack(wires[i % wires.length]),
    );
    const plainRead = time((i) => {
      const bytes = texts[i % texts.length] as Buffer;
      return encoding === 'json' ? (JSON.parse(bytes.toString()) as unknown) : (packr.unpack(bytes) as unknown);
    });
    const frame = frameOf(fromProxy ? proxy : agent, pool[0] as Message);
    if (readFrame(fromProxy ? agent : proxy, frame)?.type !== pool[0]?.type)
      throw new Error(`${what} does not come back`);
    rows.push({
      dialect,
      encoding,
      message: what,
      bytes: frame.length,
      write,
      read,
      [`plain write`]: plainWrite,
      'plain read': plainRead,
    });
  }
}
process.stdout.write(
  'ns per message; plain is JSON.stringify and parse, or msgpackr, of a ready wire object, unchecked\n',
);
process.stdout.write(
  `${rows
    .map((row) =>
      Object.values(row)
        .map((cell, i) => (i < 3 ? String(cell).padEnd(16) : String(cell).padStart(9)))
        .join(''),
    )
    .join('\n')}\n`,
);
