export * from './body-quota.ts';
export * from './large-body-buffer.ts';
export * from './large-body-options.ts';
