import { AgentwireError } from '@agentwire/core';
import type { Outbox } from '../outbox/outbox.ts';
import { FRAME_HEADER_BYTES } from './frame-limits.ts';

/**
 * Writes one frame with a payload that is bytes already.
 *
 * @returns `false` once more than the outbox's high-water mark is buffered.
 * @throws AgentwireError `ERR_MESSAGE_TOO_LARGE` when type byte and payload are longer than `limitBytes`.
 */
export function writeFrame(outbox: Outbox, type: number, payload: Uint8Array, limitBytes: number): boolean {
  const length = payload.length + 1;
  if (length > limitBytes) {
    throw new AgentwireError('ERR_MESSAGE_TOO_LARGE', `frame of ${length} bytes, limit ${limitBytes}`);
  }
  const at = outbox.reserve(FRAME_HEADER_BYTES + payload.length);
  const { bytes } = outbox;
  bytes.writeUInt32BE(length, at);
  bytes[at + 4] = type;
  bytes.set(payload, at + FRAME_HEADER_BYTES);
  return outbox.commit(at + FRAME_HEADER_BYTES + payload.length);
}
