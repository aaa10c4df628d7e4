/** Largest value of a frame's length field, inclusive: the type byte and the payload, 16 MiB. */
export const MAX_FRAME_BYTES: number = 16 * 1024 * 1024;

/** Largest value of a frame's length field before the handshake is done, 64 KiB. */
export const MAX_HANDSHAKE_FRAME_BYTES: number = 64 * 1024;

/** Bytes before a frame's payload: four of length, one of type. */
export const FRAME_HEADER_BYTES = 5;
