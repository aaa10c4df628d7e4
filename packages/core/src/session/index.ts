export type { AgentRequest } from './agent-request.ts';
export type { AgentSession, AgentSessionOptions, ProxyNotice, SessionHandler } from './agent-session.ts';
export type { BackoffOptions } from './backoff.ts';
export { acceptProxySession, connectSession, type ConnectSessionOptions } from './connect-session.ts';
export type { AskOptions, Completion, EventBody, Exchange } from './exchange.ts';
export type { KeepaliveOptions } from './keepalive.ts';
export type { AgentNotice, ProxySession, ProxySessionOptions } from './proxy-session.ts';
export {
  type DialSessionOptions,
  dialSession,
  serveSessions,
  type ServeSessionsOptions,
  type SessionListener,
} from './serve-sessions.ts';
export { type ClientEvent, SessionClient, type SessionClientOptions } from './session-client.ts';
