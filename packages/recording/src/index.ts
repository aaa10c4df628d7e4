export type { Difference } from './differences.ts';
export type { LeftOut } from './recorded-address.ts';
export { readRecording, type RecordingLine } from './read-recording.ts';
export type { RecordedBytes, RecordedDecision, RecordedOp } from './recorded-decision.ts';
export type { RecordedCall, RecordedEvent, RecordedHead, RecordedRequest } from './recorded-request.ts';
export type { RecordedHeaders } from './redaction.ts';
export { type Replayed, type ReplayOptions, replayRequest } from './replay-request.ts';
