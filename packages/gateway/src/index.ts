export * from './admin-server.ts';
export * from './config-file.ts';
export * from './gateway.ts';
export * from './options.ts';
