export { AgentDecision } from './decision/agent-decision.ts';
export { allow, block, challenge, closeWebSocket, drop, pass, redirect, refuse, replace } from './decision/builders.ts';
export { type Agent, type AgentDefinition, type AgentLimits, defineAgent } from './define/define-agent.ts';
export type { PathOptions, ResolvedPathOptions } from './define/path-options.ts';
export type {
  AgentHandlers,
  GivenUpReason,
  HandlerContext,
  LogFields,
  MaybePromise,
} from './handler/agent-handlers.ts';
export type { BodyChangeOptions, BodyTransform } from './change/body-change.ts';
export type { TextReplacement } from './change/text-replacer.ts';
export type {
  DecodedOptions,
  HoldOptions,
  IncomingBody,
  IncomingChunk,
  IncomingMessage,
  IncomingRequest,
  IncomingResponse,
  WholeBodyOptions,
} from './handler/incoming.ts';
export type { AgentReport, AgentServer, AgentStats, ConfigReply, ReportedHealth } from './serve/agent-server.ts';
export type { ReverseOptions, ServeAgentOptions } from './serve/options.ts';
export { serveAgent } from './serve/serve-agent.ts';
export type { ChallengeFallback } from './zentinel/quirks.ts';
