export * from './client/agent-client-v2.ts';
export * from './grpc-transport.ts';
export * from './options.ts';
