import { AgentwireError, type Message, type MessageType } from '@agentwire/core';

import { MAX_BUFFERED_BYTES, type Outbox } from '../outbox/outbox.ts';

/** Bytes of a frame in front of its payload: u32 length, u8 type. */
export const FRAME_HEAD_BYTES = 5;

/** Small messages that are sent even when the buffer is full: the other side waits for each of them. */
const ALWAYS_SENT: ReadonlySet<MessageType> = new Set<MessageType>([
  'answer',
  'cancel',
  'cancelAll',
  'ping',
  'pong',
  'drain',
  'shutdown',
  'flowControl',
  'configUpdateResponse',
]);

/**
 * Reserves space for one frame.
 *
 * @param size length of the payload, or the most it can be
 * @returns where in `outbox.bytes` the frame begins
 * @throws AgentwireError `ERR_MESSAGE_TOO_LARGE`, `ERR_OVERLOADED`; nothing is written then
 */
export function reserveFrame(outbox: Outbox, message: Message, size: number, maxMessageBytes: number): number {
  if (size + 1 > maxMessageBytes) {
    throw new AgentwireError(
      'ERR_MESSAGE_TOO_LARGE',
      `${message.type} takes ${size + 1} bytes, this connection carries ${maxMessageBytes}; send less at once`,
      {
        detail: { bytes: size + 1, limit: maxMessageBytes },
      },
    );
  }
  const buffered = outbox.size;
  if (buffered > 0 && buffered + size + FRAME_HEAD_BYTES > MAX_BUFFERED_BYTES && !ALWAYS_SENT.has(message.type)) {
    throw new AgentwireError(
      'ERR_OVERLOADED',
      `${buffered} bytes wait to be sent, the limit is ${MAX_BUFFERED_BYTES}; wait for onDrain`,
      {
        detail: { buffered, limit: MAX_BUFFERED_BYTES },
      },
    );
  }
  return outbox.reserve(size + FRAME_HEAD_BYTES);
}

/** Writes the head of the frame that begins at `at` and ends at `end`, and commits it. */
export function commitFrame(outbox: Outbox, byte: number, at: number, end: number): boolean {
  const { bytes } = outbox;
  const length = end - at - 4;
  bytes[at] = length >>> 24;
  bytes[at + 1] = length >>> 16;
  bytes[at + 2] = length >>> 8;
  bytes[at + 3] = length;
  bytes[at + 4] = byte;
  return outbox.commit(end);
}
