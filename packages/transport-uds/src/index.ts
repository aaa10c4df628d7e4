export * from './options.ts';
export * from './tcp-transport.ts';
export * from './tls-options.ts';
export * from './uds-transport.ts';
