// For agentwire's own packages. No promise of stability: any release may change or remove a name without notice.
export { BufferedBody, type BodyStream, type BufferedUpload } from './body/buffered-body.ts';
export { ChunkQueue, JOINED_BYTES } from './body/chunk-queue.ts';
export { FilteredSink, type FilteredSinkDeps, type SinkSource, type SinkWriter } from './body/filtered-sink.ts';
export { type BodySource, bufferedBody, type OutgoingBody, streamedBody } from './body/request-body.ts';
export { type Client, type ClientHeaderOptions, clientHeaders, http1Lines, withFraming } from './client-headers.ts';
export { applyAgentOps } from './header-ops.ts';
export { checkAgentOrder, checkAgentSettings, checkSettingsNames, settingsOf, stepsOf } from './pipeline-options.ts';
export { ShadowedBody, shadowedSink } from './shadows.ts';
export { TrailerFilter } from './trailers.ts';
export { type VerdictResponse, verdictResponse } from './verdict-response.ts';
