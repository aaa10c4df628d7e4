import { FEATURES, type Dialect, type Message, type Peer, type Received, type Role } from '@agentwire/core';

import { createMessageCodec, Outbox, type CodecLimits, type MessageCodec } from '../../src/index.ts';

/** A peer with every feature, as one side sees it. */
export function peerOf(dialect: Dialect, encoding: string, role: Role, changes: Partial<Peer> = {}): Peer {
  return {
    role,
    name: 'other',
    version: '1',
    features: FEATURES,
    encodings: ['json', 'msgpack'],
    dialect,
    encoding,
    ids: dialect === 'documented' ? 'number' : 'text',
    accepts: new Set(),
    maxMessageBytes: 16 * 1024 * 1024,
    quirks: [],
    ...changes,
  };
}

/** An outbox whose bytes stay in it, for inspection. */
export function openOutbox(): Outbox {
  return new Outbox({ write: () => undefined }, { onDrain: () => undefined });
}

/** The whole frame that a codec writes. */
export function frameOf(codec: MessageCodec, message: Message): Buffer {
  const outbox = openOutbox();
  const start = outbox.reserve(0);
  codec.write(message, outbox);
  return Buffer.from(outbox.bytes.subarray(start, start + outbox.size));
}

/** Reads one frame. */
export function readFrame(codec: MessageCodec, frame: Buffer): Received | undefined {
  return codec.read(frame.readUInt8(4), frame, 5, frame.length);
}

/** Both ends of a connection. */
export interface CodecPair {
  readonly proxy: MessageCodec;
  readonly agent: MessageCodec;
}

/** The codecs of both ends of one connection. */
export function codecPair(
  dialect: Dialect,
  encoding: string,
  changes: Partial<Peer> = {},
  limits: Partial<CodecLimits> = {},
): CodecPair {
  return {
    proxy: createMessageCodec({ role: 'proxy', peer: peerOf(dialect, encoding, 'agent', changes), limits }),
    agent: createMessageCodec({ role: 'agent', peer: peerOf(dialect, encoding, 'proxy', changes), limits }),
  };
}

/** The four formats of a message on a byte stream. */
export const FORMATS: readonly { readonly dialect: Dialect; readonly encoding: 'json' | 'msgpack' }[] = [
  { dialect: 'documented', encoding: 'json' },
  { dialect: 'documented', encoding: 'msgpack' },
  { dialect: 'zentinel', encoding: 'json' },
  { dialect: 'zentinel', encoding: 'msgpack' },
];
