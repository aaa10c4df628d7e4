export { createMemoryTransport } from './memory-transport.ts';
export { MEMORY_DEFAULTS, type MemoryTransportOptions, type ResolvedMemoryOptions } from './options.ts';
