export * from './gateway.ts';
export * from './options.ts';
