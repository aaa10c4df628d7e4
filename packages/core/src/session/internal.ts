// For agentwire's own packages. No promise of stability: any release may change or remove a name without notice.
export { AgentRequestCore } from './agent-request.ts';
export { AgentSessionCore } from './agent-session-core.ts';
export { BACKOFF_TABLE, backoffDelay, resolveBackoff } from './backoff.ts';
export { keepConnected, type KeptEnd } from './keep-connected.ts';
export { KEEPALIVE_TABLE } from './keepalive.ts';
export { ProxySessionCore } from './proxy-session-core.ts';
export { clientHello, SESSION_CLIENT_TABLE } from './session-client.ts';
