import type { SessionOptions, Settings } from 'node:http2';
import type { ResolvedGrpcOptions } from '../options.ts';

/** Bytes that one stream may have under way towards us. */
const STREAM_WINDOW_BYTES: number = 4 * 1024 * 1024;
/** Bytes that one session may have under way towards us. */
export const SESSION_WINDOW_BYTES: number = 8 * 1024 * 1024;
/** Longest header list that we take. */
const MAX_HEADER_LIST_BYTES: number = 64 * 1024;
/** Frames with errors that a session may see. */
const MAX_INVALID_FRAMES = 100;

/** Settings that both ends announce. */
function http2Settings(maxConcurrentStreams: number): Settings {
  return {
    enablePush: false,
    initialWindowSize: STREAM_WINDOW_BYTES,
    maxFrameSize: 256 * 1024,
    maxHeaderListSize: MAX_HEADER_LIST_BYTES,
    maxConcurrentStreams,
  };
}

/** Caps that both ends set, since Node's HTTP/2 has hardly any by itself. */
export function http2Caps(options: ResolvedGrpcOptions): SessionOptions {
  return {
    settings: http2Settings(options.maxStreamsPerSession),
    maxSessionMemory: options.maxSessionMemoryMb,
    maxHeaderListPairs: 128,
    maxOutstandingPings: 10,
    maxSendHeaderBlockLength: MAX_HEADER_LIST_BYTES,
    maxSessionInvalidFrames: MAX_INVALID_FRAMES,
    maxSessionRejectedStreams: MAX_INVALID_FRAMES,
  } as SessionOptions;
}
