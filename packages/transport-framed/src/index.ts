export type { Acceptor } from './acceptor.ts';
export type { LinkCredential } from './incoming-handshake.ts';
export { createFramedTransport } from './create-framed-transport.ts';
export type { Binding, FramedMedium } from './create-framed-transport.ts';
export type { DialectChoice, FramedOptions } from './framed-options.ts';
export type { LinkReceiver, MessageLink } from './message-link.ts';
export type { SocketFileOptions } from './socket-file.ts';
export { streamLink } from './stream-link.ts';
