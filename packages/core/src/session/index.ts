export type { AgentRequest } from './agent/agent-request.ts';
export type { AgentSession, AgentSessionOptions, ProxyNotice, SessionHandler } from './agent/agent-session.ts';
export type { BackoffOptions } from './backoff.ts';
export { acceptProxySession, connectSession, type ConnectSessionOptions } from './proxy/connect-session.ts';
export type { AskOptions, Completion, EventBody, Exchange } from './proxy/exchange.ts';
export type { KeepaliveOptions } from './keepalive.ts';
export type { AgentNotice, ProxySession, ProxySessionOptions } from './proxy/proxy-session.ts';
export {
  type DialSessionOptions,
  dialSession,
  serveSessions,
  type ServeSessionsOptions,
  type SessionListener,
} from './agent/serve-sessions.ts';
export { type ClientEvent, SessionClient, type SessionClientOptions } from './proxy/session-client.ts';
