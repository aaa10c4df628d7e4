// For the packages of this repository only: no promise of stability.
export { FRAMED_TABLE } from './framed-options.ts';
export {
  bindSocketFile,
  prepareSocketFile,
  type SocketFile,
  SOCKET_FILE_TABLE,
  type SocketFileOptions,
  type UnboundSocketFile,
} from './socket-file.ts';
export { openSocket, startListening } from './sockets.ts';
export { PendingSockets } from './pending-sockets.ts';
export { clientTlsOptions, serverTlsOptions, TLS_TABLE } from './tls-options.ts';
export { SlowFrameGuard } from '@agentwire/wire-codec/frame/internal';
export type { TlsOptions } from './tls-options.ts';
