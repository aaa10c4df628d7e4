export * from './admin-server.ts';
export * from './config-file.ts';
export * from './gateway.ts';
export { type ListenAddress, parseHostPort } from './listen.ts';
export {
  type AgentDirectory,
  type BodyMode,
  GATEWAY_DEFAULTS,
  type GatewayOptions,
  type RequestSummary,
  type ResolvedGatewayOptions,
  resolveGatewayOptions,
  type UnderscoreMode,
} from './options.ts';
