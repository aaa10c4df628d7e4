export * from './worker-transport.ts';
