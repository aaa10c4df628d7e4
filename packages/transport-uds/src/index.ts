export { AgentClientV2Uds, BinaryRequestBodyChunk } from './agent-client-v2-uds.ts';
export type { AgentClientV2UdsOptions, BinaryChunkInit } from './agent-client-v2-uds.ts';
export { createTcpTransport } from './tcp-transport.ts';
export type { TcpTransportOptions, TlsOptions } from './tcp-transport.ts';
export { createUdsTransport } from './uds-transport.ts';
export type { UdsTransportOptions } from './uds-transport.ts';
export type { DialectChoice, SocketFileOptions } from '@agentwire/transport-framed';
