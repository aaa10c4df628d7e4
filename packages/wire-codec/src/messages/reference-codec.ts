import { AgentwireError, type Malformed, type Message, type MessageType } from '@agentwire/core';

import { parseJson } from '../json/parse-json.ts';
import { scanJson } from '../json/scan-json.ts';
import { stringifyJson } from '../json/stringify-json.ts';
import { parseMsgpack } from '../msgpack/parse-msgpack.ts';
import { msgpackSize, putMsgpack } from '../msgpack/put-msgpack.ts';
import type { Outbox } from '../outbox/outbox.ts';
import { DecodeError } from './decode-error.ts';
import type { WireFormat } from './wire-format.ts';
import { commitFrame, FRAME_HEAD_BYTES, reserveFrame } from './frame-space.ts';
import { id } from './id-codec.ts';
import { isHeaderMessage, readLimits, type CodecLimits } from './limits.ts';
import type { MessageMapping } from './message-mapping.ts';
import type { Parsed } from './parsed.ts';
import { MAPPINGS } from './table.ts';
import { isWireObject, own } from './wire-object.ts';

/** Converts a message to its wire object. @throws AgentwireError `ERR_INVALID_ARGUMENT` for content that the format cannot carry. */
export function toWire(message: Message, format: WireFormat): Record<string, unknown> {
  try {
    return (MAPPINGS[message.type] as MessageMapping<MessageType>).write(message, format);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new AgentwireError('ERR_INVALID_ARGUMENT', error.toError(message.type).message.replace('decoded', 'encoded'));
  }
}

/** Appends one frame through the reference mapping. @returns the result of `outbox.commit` */
export function writeReference(
  message: Message,
  byte: number,
  format: WireFormat,
  maxMessageBytes: number,
  outbox: Outbox,
): boolean {
  const wire = toWire(message, format);
  if (format.encoding === 'json') {
    const text = stringifyJson(wire);
    const at = reserveFrame(outbox, message, Buffer.byteLength(text), maxMessageBytes);
    const from = at + FRAME_HEAD_BYTES;
    return commitFrame(outbox, byte, at, from + outbox.bytes.write(text, from, 'utf8'));
  }
  const size = msgpackSize(wire);
  const at = reserveFrame(outbox, message, size, maxMessageBytes);
  return commitFrame(outbox, byte, at, putMsgpack(outbox.bytes, at + FRAME_HEAD_BYTES, wire));
}

/** Makes the delivery for a frame whose content is not a message. */
function malformed(of: MessageType, problem: DecodeError, wireId: unknown, format: WireFormat): Malformed {
  const error = problem.toError(of);
  if (wireId === undefined) return { type: 'malformed', of, error };
  try {
    return { type: 'malformed', of, id: id.read(wireId, format), error };
  } catch {
    return { type: 'malformed', of, error };
  }
}

/** Length of body data in a payload, which `maxHeaderBytes` does not count: a decision may carry a whole chunk. */
function mutationBytes(wire: unknown): number {
  if (!isWireObject(wire)) return 0;
  let sum = 0;
  for (const name of ['request_body_mutation', 'response_body_mutation']) {
    const mutation = own(wire, name);
    const data = Array.isArray(mutation)
      ? (mutation[0] as unknown)
      : isWireObject(mutation)
        ? own(mutation, 'data')
        : undefined;
    if (typeof data === 'string' || data instanceof Uint8Array) sum += data.length;
  }
  return sum;
}

const tooLong = (bytes: number, limit: number): DecodeError =>
  new DecodeError(`${bytes} bytes are more than ${limit}`, 'ERR_MESSAGE_TOO_LARGE');

function parse(
  of: MessageType,
  bytes: Buffer,
  start: number,
  end: number,
  format: WireFormat,
  limits: CodecLimits,
): Parsed {
  const cost = readLimits(of, format.dialect, limits);
  const length = end - start;
  if (length > limits.maxHeaderBytes && isHeaderMessage(of)) {
    // only the front is scanned, for the id
    const until = start + limits.maxHeaderBytes;
    const { id: found } =
      format.encoding === 'json' ? scanJson(bytes, start, until, cost) : parseMsgpack(bytes, start, until, cost);
    return { value: undefined, id: found, error: tooLong(length, limits.maxHeaderBytes) };
  }
  return format.encoding === 'json' ? parseJson(bytes, start, end, cost) : parseMsgpack(bytes, start, end, cost);
}

/** Reads one payload through the reference mapping. */
export function readReference(
  of: MessageType,
  bytes: Buffer,
  start: number,
  end: number,
  format: WireFormat,
  limits: CodecLimits,
): Message | Malformed {
  const parsed = parse(of, bytes, start, end, format, limits);
  if (parsed.error !== undefined) return malformed(of, parsed.error, parsed.id, format);
  try {
    if (of === 'answer' && end - start > limits.maxHeaderBytes) {
      const rest = end - start - mutationBytes(parsed.value);
      if (rest > limits.maxHeaderBytes) throw tooLong(rest, limits.maxHeaderBytes);
    }
    return MAPPINGS[of].read(parsed.value, format);
  } catch (error) {
    if (error instanceof DecodeError) return malformed(of, error, parsed.id, format);
    throw error;
  }
}
