// For agentwire's own packages. No promise of stability: any release may change or remove a name without notice.
export { AgentRequestCore } from './agent/agent-request.ts';
export { AgentSessionCore } from './agent/agent-session-core.ts';
export { BACKOFF_TABLE, backoffDelay, resolveBackoff } from './backoff.ts';
export { dial } from './dial.ts';
export { keepConnected, type KeptEnd } from './keep-connected.ts';
export { RECONNECT_LIFECYCLE, ReconnectSchedule } from './reconnect-schedule.ts';
export { KEEPALIVE_TABLE } from './keepalive.ts';
export { EVENT_SENDER_LIFECYCLE, EventSender } from './proxy/event-sender.ts';
export { EXCHANGE_LIFECYCLE } from './proxy/exchange-slot.ts';
export { PROXY_SESSION_LIFECYCLE, ProxySessionCore } from './proxy/proxy-session-core.ts';
export { clientHello, SESSION_CLIENT_TABLE } from './proxy/session-client.ts';
