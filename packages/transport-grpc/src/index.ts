export * from './grpc-transport.ts';
export * from './options.ts';
