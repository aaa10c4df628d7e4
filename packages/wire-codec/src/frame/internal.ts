// for packages of this repository only: nothing here carries a promise of stability. Frames without the codecs of messages,
// so that a transport which nothing has dialled or bound yet loads five files of this package and not seventy.
export { createFrameDecoder } from './frame-decoder.ts';
export type { FrameDecoder } from './frame-decoder.ts';
export { MAX_HANDSHAKE_FRAME_BYTES } from './frame-limits.ts';
export { SlowFrameGuard } from './slow-frame-guard.ts';
