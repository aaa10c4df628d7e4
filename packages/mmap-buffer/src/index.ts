export { BodyQuota, sharedBodyQuota } from './body-quota.ts';
export type { BodyQuotaOptions } from './body-quota.ts';
export { createLargeBodyBuffer, LargeBodyBuffer } from './large-body-buffer.ts';
export { LARGE_BODY_BUFFER_DEFAULTS } from './large-body-options.ts';
export type { BodyBacking, LargeBodyBufferOptions } from './large-body-options.ts';
