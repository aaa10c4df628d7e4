import type { SessionOptions, Settings } from 'node:http2';
import type { ResolvedGrpcOptions } from '../options.ts';

/** Receive window of one stream, in bytes. */
const STREAM_WINDOW_BYTES: number = 4 * 1024 * 1024;
/** Receive window of one session, in bytes. */
export const SESSION_WINDOW_BYTES: number = 8 * 1024 * 1024;
/** Longest accepted header list, in bytes. */
const MAX_HEADER_LIST_BYTES: number = 64 * 1024;
/** Invalid frames that a session tolerates. */
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

/** Limits that both ends set; Node's HTTP/2 has few by default. */
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
