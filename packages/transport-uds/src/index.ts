export * from './client/agent-client-v2-uds.ts';
export * from './client/binary-request-body-chunk.ts';
export * from './options.ts';
export * from './tcp-transport.ts';
export * from './tls-options.ts';
export * from './uds-transport.ts';
