export type { ReverseConnectionConfig, VerifyDetails } from './options.ts';
export type { Registration } from './registration.ts';
export { ReverseClient } from './reverse-client.ts';
export { type ConnectionTarget, ReverseConnectionListener } from './reverse-connection-listener.ts';
