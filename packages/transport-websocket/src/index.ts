export { createWebSocketTransport } from './websocket-transport.ts';
export type { WebSocketTransportOptions } from './websocket-transport.ts';
