import { AgentwireError } from '@agentwire/core';

/** Type of the first frame of the dialling side: a handshake request or a registration. */
export const OPENING_FRAME = 0x01;
/** Type of the frame that answers it. */
export const ANSWER_FRAME = 0x02;

// a version 1 frame is a length and a JSON object, so the first byte of its JSON is read as the type
const VERSION_ONE_FRAME = 0x7b;

/** Tells by the first frame's type whether a peer speaks version 1 of the protocol. */
export function isVersionOneFrame(type: number): boolean {
  return type === VERSION_ONE_FRAME;
}

/**
 * Checks the type of a peer's first frame.
 *
 * @throws AgentwireError `ERR_VERSION_MISMATCH` for a peer of version 1, `ERR_PROTOCOL` for anything else.
 */
export function checkFirstFrame(type: number, expected: typeof OPENING_FRAME | typeof ANSWER_FRAME): void {
  if (type === expected) return;
  if (isVersionOneFrame(type)) {
    throw new AgentwireError('ERR_VERSION_MISMATCH', 'unsupported protocol version 1, this side speaks 2', {
      detail: { offered: [1], supported: [2] },
    });
  }
  const seen = `0x${type.toString(16).padStart(2, '0')}`;
  throw new AgentwireError('ERR_PROTOCOL', `first frame has type ${seen}, expected 0x0${expected} (handshake)`, {
    detail: { type },
  });
}
