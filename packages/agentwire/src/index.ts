// The names that most programs need; every other name is on the subpath of its package (`agentwire/core`, `agentwire/pool`…).

// writing an agent
export {
  type Agent,
  AgentDecision,
  type AgentDefinition,
  type AgentHandlers,
  allow,
  block,
  challenge,
  closeWebSocket,
  defineAgent,
  drop,
  type HandlerContext,
  type IncomingBody,
  type IncomingChunk,
  type IncomingMessage,
  type IncomingRequest,
  type IncomingResponse,
  pass,
  redirect,
  refuse,
  replace,
} from '@agentwire/agent';

// serving and asking agents, with the stock transports
export {
  createAgentPool,
  serveAgent,
  type ServeAgentOptions,
  StockAgentPool as AgentPool,
  type StockAgentPoolOptions as AgentPoolOptions,
  stockTransports,
  type StockTransportOptions,
} from './stock.ts';
export type { AgentServer } from '@agentwire/agent';
export type { AddAgentOptions, AgentPoolStats, FailurePolicy } from '@agentwire/pool';

// one connection without a pool
export { V2Transport, type V2TransportOptions } from './v2-transport.ts';
export { AgentClientV2 } from '@agentwire/transport-grpc';
export { AgentClientV2Uds } from '@agentwire/transport-uds';

// the reverse proxy
export { createGateway } from './stock.ts';
export type { Gateway, GatewayOptions, GatewayStats } from '@agentwire/gateway';

// what all of them share
export {
  AgentwireError,
  type Clock,
  type Decision,
  ERROR_CODES,
  type ErrorCode,
  FEATURES,
  type HeaderOp,
  type Logger,
  type Peer,
  type ProxyEvent,
  type RequestHeaders,
  type RequestMetadata,
  type Transport,
  type Verdict,
} from '@agentwire/core';
