export { AgentDecision } from './decision/agent-decision.ts';
export { allow, block, challenge, closeWebSocket, drop, pass, redirect, refuse, replace } from './decision/builders.ts';
export type { Agent, AgentDefinition, AgentLimits } from './define/agent.ts';
export { defineAgent } from './define/define-agent.ts';
export type { AgentHandlers, GivenUpReason, MaybePromise } from './handler/agent-handlers.ts';
export type { HandlerContext } from './handler/context.ts';
export type {
  IncomingBody,
  IncomingChunk,
  IncomingMessage,
  IncomingRequest,
  IncomingResponse,
  WholeBodyOptions,
} from './handler/incoming.ts';
export type { ChallengeFallback } from './runtime/quirks.ts';
export type { AgentServer, AgentStats } from './serve/agent-server.ts';
export type { ReverseOptions, ServeAgentOptions } from './serve/options.ts';
export { serveAgent } from './serve/serve-agent.ts';
