import type { Dialect, MessageType, Role } from '@agentwire/core';

/** One message type of a dialect: its byte, its sender, and the feature that it needs. */
export interface TypeRow {
  readonly byte: number;
  readonly type: MessageType;
  readonly from: Role | 'both';
  /** Feature that both sides must have offered; a type without one may always be sent. */
  readonly feature?: string;
}

/** Bytes of the handshake's frames, which are refused by name after it. */
export const HANDSHAKE_BYTES: Readonly<Record<number, string>> = {
  0x01: 'handshake request',
  0x02: 'handshake response',
};

const row = (byte: number, type: MessageType, from: TypeRow['from'], feature?: string): TypeRow =>
  feature === undefined ? { byte, type, from } : { byte, type, from, feature };

/** The message types of both dialects. One byte can mean different things in the two. */
export const TYPE_ROWS: Readonly<Record<Dialect, readonly TypeRow[]>> = {
  documented: [
    row(0x10, 'requestHeaders', 'proxy'),
    row(0x11, 'requestBodyChunk', 'proxy'),
    row(0x12, 'responseHeaders', 'proxy'),
    row(0x13, 'responseBodyChunk', 'proxy'),
    row(0x14, 'requestComplete', 'proxy', 'request_complete'),
    row(0x15, 'webSocketFrame', 'proxy', 'websocket'),
    row(0x16, 'guardrailInspect', 'proxy', 'guardrails'),
    row(0x17, 'configure', 'proxy', 'config_push'),
    row(0x20, 'answer', 'agent'),
    row(0x21, 'bodyMutation', 'agent'),
    row(0x30, 'cancel', 'proxy'),
    row(0x31, 'cancelAll', 'proxy'),
    row(0x40, 'healthStatus', 'agent', 'health'),
    row(0x41, 'metricsReport', 'agent', 'metrics'),
    row(0x42, 'configUpdateRequest', 'agent', 'config_update'),
    row(0x43, 'flowControl', 'agent', 'flow_control'),
    row(0x44, 'drain', 'both', 'lifecycle'),
    row(0x44, 'shutdown', 'both', 'lifecycle'),
    row(0x45, 'configUpdateResponse', 'proxy', 'config_update'),
    row(0x46, 'log', 'agent', 'log'),
    row(0xf0, 'ping', 'both'),
    row(0xf1, 'pong', 'both'),
  ],
  zentinel: [
    row(0x10, 'requestHeaders', 'proxy'),
    row(0x11, 'requestBodyChunk', 'proxy'),
    row(0x12, 'responseHeaders', 'proxy'),
    row(0x13, 'responseBodyChunk', 'proxy'),
    row(0x14, 'requestComplete', 'proxy'),
    row(0x15, 'webSocketFrame', 'proxy'),
    row(0x16, 'guardrailInspect', 'proxy'),
    row(0x17, 'configure', 'proxy'),
    row(0x20, 'answer', 'agent'),
    row(0x30, 'healthStatus', 'agent'),
    row(0x31, 'metricsReport', 'agent'),
    row(0x32, 'configUpdateRequest', 'agent'),
    row(0x33, 'flowControl', 'agent'),
    row(0x40, 'cancel', 'proxy'),
    row(0x41, 'ping', 'both'),
    row(0x42, 'pong', 'both'),
  ],
};

/** Types that the zentinel dialect writes as JSON whatever encoding was negotiated. */
export const ALWAYS_JSON: ReadonlySet<MessageType> = new Set<MessageType>(['cancel', 'ping', 'pong']);

/** The byte of a type in a dialect, or `undefined` where the dialect does not have it. */
export function byteOf(type: MessageType, dialect: Dialect): number | undefined {
  return TYPE_ROWS[dialect].find((one) => one.type === type)?.byte;
}
