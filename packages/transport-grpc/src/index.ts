export { AgentClientV2, type AgentClientV2Options } from './client/agent-client-v2.ts';
export { createGrpcTransport } from './grpc-transport.ts';
export {
  GRPC_TRANSPORT_DEFAULTS,
  type GrpcTlsOptions,
  type GrpcTransportOptions,
  MAX_GRPC_MESSAGE_BYTES,
  type ResolvedGrpcOptions,
} from './options.ts';
