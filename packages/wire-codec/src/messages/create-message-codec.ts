import {
  AgentwireError,
  type Logger,
  type Malformed,
  type Message,
  type MessageType,
  type Peer,
  type Pong,
  type Received,
  type Role,
} from '@agentwire/core';
import { checkKnownOptions, checkOneOf, silentLogger } from '@agentwire/core/internal';

import { ALWAYS_JSON } from '../dialects/message-types.ts';
import { createTypeTable } from '../dialects/type-table.ts';
import type { Outbox } from '../outbox/outbox.ts';
import { type EncodedDecisions, encodedDecisionsOf } from './encoded-decisions.ts';
import { createFastCodec, type FastCodec } from './fast-codec.ts';
import type { WireFormat } from './wire-format.ts';
import { commitFrame, FRAME_HEAD_BYTES, reserveFrame } from './frame-space.ts';
import { CODEC_LIMITS, hasId, resolveCodecLimits, type CodecLimits } from './limits.ts';
import { readReference, writeReference } from './reference-codec.ts';

/** Encodes and decodes the messages of one connection. */
export interface MessageCodec {
  /**
   * Appends one whole frame to the outbox; a message that cannot be sent leaves nothing in it.
   *
   * @returns `false` once more than the outbox's high-water mark is buffered.
   * @throws AgentwireError `ERR_MESSAGE_TOO_LARGE` past `peer.maxMessageBytes` (type byte and payload), `ERR_OVERLOADED`
   * for events past 8 MiB buffered (never for answers, cancels, pings and pongs, drains; one message always fits into an
   * empty buffer), `ERR_UNSUPPORTED` for a type that the dialect does not have, `ERR_INVALID_ARGUMENT` for content that
   * cannot be written, such as text as the id of a documented peer.
   */
  write(message: Message, outbox: Outbox): boolean;
  /**
   * Decodes the payload `bytes[start, end)` of a frame of `type`. The message may hold views of `bytes`, which must not be
   * reused.
   *
   * @returns the message; a {@link Malformed} for content that cannot be decoded; `undefined` for a type that neither
   * dialect knows and for a message whose id cannot be read: both are counted and skipped.
   * @throws AgentwireError `ERR_PROTOCOL` where the connection must end: a type of the other direction, of the other
   * dialect, of a feature that was not negotiated, or the 16th message in a row whose id cannot be read.
   */
  read(type: number, bytes: Buffer, start: number, end: number): Received | undefined;
  /** Counters since the codec was made. */
  readonly stats: MessageCodecStats;
}

/** Counts of skipped frames of a {@link MessageCodec}. */
export interface MessageCodecStats {
  /** Frames of a type that neither dialect knows. */
  readonly unknownTypes: number;
  /** Messages whose id could not be read. */
  readonly unreadable: number;
}

/** Options of {@link createMessageCodec}. */
export interface MessageCodecOptions {
  /** The role of this side. */
  readonly role: Role;
  /** The negotiated peer: dialect, encoding, features and the longest message. */
  readonly peer: Peer;
  /** Logger of each unknown type and each type that was skipped, once. Default: silent. */
  readonly logger?: Logger;
  /** Limits of one incoming message; defaults in {@link CODEC_LIMITS}. */
  readonly limits?: Partial<CodecLimits>;
}

/** Longest ping that is repeated, in bytes. */
const MAX_PING_BYTES = 64 * 1024;

const isChunk = (type: Message['type']): boolean => type === 'requestBodyChunk' || type === 'responseBodyChunk';

class Codec implements MessageCodec {
  readonly stats: { unknownTypes: number; unreadable: number } = { unknownTypes: 0, unreadable: 0 };
  readonly #peer: Peer;
  readonly #logger: Logger;
  readonly #limits: CodecLimits;
  readonly #table: ReturnType<typeof createTypeTable>;
  readonly #format: WireFormat;
  readonly #jsonFormat: WireFormat;
  /** The generated codec; absent where `maxNodes` is lower than what it accepts. */
  readonly #fast: FastCodec | undefined;
  readonly #decisions: EncodedDecisions;
  readonly #unknown = new Set<number>();
  readonly #unreadable = new Set<MessageType>();
  #inARow = 0;

  constructor(options: MessageCodecOptions) {
    const { peer } = options;
    const { dialect } = peer;
    const encoding = checkOneOf('peer.encoding', peer.encoding, ['json', 'msgpack'] as const);
    this.#peer = peer;
    this.#logger = options.logger ?? silentLogger;
    this.#limits = resolveCodecLimits(options.limits);
    this.#table = createTypeTable(dialect, options.role, peer.features);
    this.#format = { dialect, encoding, errors: dialect === 'documented' && peer.features.includes('errors') };
    const { maxNodes } = this.#limits;
    this.#decisions = encodedDecisionsOf(this.#format);
    this.#fast = maxNodes < CODEC_LIMITS.maxNodes ? undefined : createFastCodec(this.#format);
    this.#jsonFormat = { ...this.#format, encoding: 'json' };
  }

  #formOf(type: Message['type']): WireFormat {
    return this.#format.dialect === 'zentinel' && ALWAYS_JSON.has(type) ? this.#jsonFormat : this.#format;
  }

  write(message: Message, outbox: Outbox): boolean {
    const byte = this.#table.outgoing.get(message.type);
    if (byte === undefined) throw this.#unsendable(message.type);
    if (message.type === 'pong' && message.echo instanceof Uint8Array)
      return this.#writePayload(message, byte, message.echo, outbox);
    if (message.type === 'answer') {
      const halves = this.#decisions.find(message.decision);
      const size = halves === undefined ? -1 : this.#decisions.size(halves, message.id);
      if (halves !== undefined && size !== -1) {
        const at = reserveFrame(outbox, message, size, this.#peer.maxMessageBytes);
        return commitFrame(
          outbox,
          byte,
          at,
          this.#decisions.put(outbox.bytes, at + FRAME_HEAD_BYTES, halves, message.id),
        );
      }
    }
    const sent = this.#fast?.write(message, byte, outbox, this.#peer.maxMessageBytes);
    if (sent !== undefined) return sent;
    return writeReference(message, byte, this.#formOf(message.type), this.#peer.maxMessageBytes, outbox);
  }

  #unsendable(type: Message['type']): AgentwireError {
    return new AgentwireError(
      'ERR_UNSUPPORTED',
      `the ${this.#format.dialect} dialect has no ${type} to send; see peer.accepts`,
    );
  }

  #writePayload(message: Pong, byte: number, payload: Uint8Array, outbox: Outbox): boolean {
    const at = reserveFrame(outbox, message, payload.length, this.#peer.maxMessageBytes);
    outbox.bytes.set(payload, at + FRAME_HEAD_BYTES);
    return commitFrame(outbox, byte, at, at + FRAME_HEAD_BYTES + payload.length);
  }

  /** Reads a ping and keeps its bytes, which the pong repeats. */
  #readPing(bytes: Buffer, start: number, end: number): Received {
    const read = this.#decode('ping', bytes, start, end);
    if (end - start > MAX_PING_BYTES) return read;
    const { sequence, timestampMs } = read.type === 'ping' ? read : { sequence: 0, timestampMs: 0 };
    const ping = { type: 'ping', sequence, timestampMs } as const;
    // not enumerable, so that the message equals the one that was sent
    return Object.defineProperty(ping, 'echo', { value: Uint8Array.from(bytes.subarray(start, end)) });
  }

  read(type: number, bytes: Buffer, start: number, end: number): Received | undefined {
    const of = this.#table.incoming[type];
    if (of === undefined) return this.#skipUnknown(type);
    if (of === 'ping') {
      this.#inARow = 0;
      return this.#readPing(bytes, start, end);
    }
    const message = this.#decode(of, bytes, start, end);
    if (message.type === 'malformed' && message.id === undefined && hasId(of)) return this.#skipUnreadable(message);
    this.#inARow = 0;
    return message;
  }

  #decode(of: MessageType, bytes: Buffer, start: number, end: number): Received {
    const fast =
      end - start <= this.#limits.maxHeaderBytes || isChunk(of) ? this.#fast?.read(of, bytes, start, end) : undefined;
    return fast ?? readReference(of, bytes, start, end, this.#formOf(of), this.#limits);
  }

  #skipUnknown(type: number): undefined {
    this.#table.refuse(type);
    this.stats.unknownTypes++;
    if (this.#unknown.has(type)) return;
    this.#unknown.add(type);
    this.#logger.warn(
      { peer: this.#peer.name, type },
      `message type 0x${type.toString(16)} is unknown; skipping every one of it`,
    );
  }

  #skipUnreadable(message: Malformed): undefined {
    this.stats.unreadable++;
    this.#inARow++;
    if (!this.#unreadable.has(message.of)) {
      this.#unreadable.add(message.of);
      this.#logger.warn(
        { peer: this.#peer.name, of: message.of },
        `skipping a message without an id: ${message.error.message}`,
      );
    }
    if (this.#inARow < this.#limits.maxUnreadable) return;
    throw new AgentwireError(
      'ERR_PROTOCOL',
      `the ids of ${this.#inARow} messages in a row could not be read; the last one: ${message.error.message}`,
      {
        cause: message.error,
      },
    );
  }
}

/**
 * Makes the codec of one connection after its handshake.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` for an encoding other than `json` and `msgpack`, or an unknown option.
 */
export function createMessageCodec(options: MessageCodecOptions): MessageCodec {
  checkKnownOptions('createMessageCodec', options, ['role', 'peer', 'logger', 'limits']);
  return new Codec(options);
}
