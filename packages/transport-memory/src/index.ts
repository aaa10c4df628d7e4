export * from './memory-transport.ts';
export * from './options.ts';
