import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { AgentwireError, type Message, type Pong } from '@agentwire/core';
import { AgentToProxySchema, ProxyToAgentSchema, type PongSchema } from '../../gen/zentinel/agent/v2/agent_pb.ts';
import type { CodecContext } from '../codec-context.ts';
import {
  toCancel,
  toConfigResponse,
  toConfigUpdate,
  toDrain,
  toFlowControl,
  toHealth,
  toLog,
  toShutdown,
} from './control-to-proto.ts';
import { toResponse } from './decision-to-proto.ts';
import {
  toBodyChunk,
  toConfigure,
  toGuardrail,
  toRequestComplete,
  toRequestHeaders,
  toResponseHeaders,
  toWebSocketFrame,
} from './event-to-proto.ts';
import { toMetrics } from './metrics-fields.ts';
import { toUint64 } from './number-fields.ts';
import { present } from './present.ts';

type FromProxy = NonNullable<MessageInitShape<typeof ProxyToAgentSchema>['message']>;
type FromAgent = NonNullable<MessageInitShape<typeof AgentToProxySchema>['message']>;

/** The oneof of ProxyToAgent for `message`; undefined for what only agents send. */
function toProxyToAgent(message: Message, context: CodecContext): FromProxy | undefined {
  const { isAgentwire, nowMs } = context;
  switch (message.type) {
    case 'requestHeaders':
      return { case: 'requestHeaders', value: toRequestHeaders(message, isAgentwire) };
    case 'requestBodyChunk':
      return { case: 'requestBodyChunk', value: toBodyChunk(message) };
    case 'responseHeaders':
      return { case: 'responseHeaders', value: toResponseHeaders(message, isAgentwire) };
    case 'responseBodyChunk':
      return { case: 'responseBodyChunk', value: toBodyChunk(message) };
    case 'webSocketFrame':
      return { case: 'websocketFrame', value: toWebSocketFrame(message, isAgentwire) };
    case 'guardrailInspect':
      return { case: 'guardrail', value: toGuardrail(message, isAgentwire) };
    case 'requestComplete':
      return { case: 'requestComplete', value: toRequestComplete(message, isAgentwire) };
    case 'cancel':
      return { case: 'cancel', value: toCancel(message, isAgentwire, nowMs()) };
    case 'configure':
      return { case: 'configure', value: toConfigure(message, isAgentwire, nowMs()) };
    case 'ping':
      return { case: 'ping', value: toPing(message.sequence, message.timestampMs) };
    case 'drain':
      return { case: 'drain', value: toDrain(message, nowMs()) };
    case 'shutdown':
      return { case: 'shutdown', value: toShutdown(message, nowMs()) };
    case 'configUpdateResponse':
      return { case: 'configResponse', value: toConfigResponse(message) };
    case 'cancelAll':
      return { case: 'cancelAll', value: present({ reason: message.reason }) };
    case 'pong':
      return { case: 'pong', value: toPong(message, context) };
    default:
      return undefined;
  }
}

const toPing = (sequence: number, timestampMs: number): { sequence: bigint; timestampMs: bigint } => ({
  sequence: toUint64('sequence', sequence),
  timestampMs: toUint64('timestampMs', timestampMs),
});

function toPong(message: Pong, { nowMs, pings }: CodecContext): MessageInitShape<typeof PongSchema> {
  const exact = pings?.take(message);
  return {
    sequence: exact?.sequence ?? toUint64('sequence', message.sequence),
    pingTimestampMs: exact?.timestampMs ?? toUint64('timestampMs', message.timestampMs),
    timestampMs: BigInt(Math.trunc(nowMs())),
  };
}

/** The oneof of AgentToProxy for `message`; undefined for what only proxies send. */
export function toAgentToProxy(message: Message, context: CodecContext): FromAgent | undefined {
  switch (message.type) {
    case 'answer':
      return {
        case: 'response',
        value: toResponse(String(message.id), message.decision, context.isAgentwire, context.errors),
      };
    case 'healthStatus':
      return { case: 'health', value: toHealth(message) };
    case 'metricsReport':
      return { case: 'metrics', value: toMetrics(message) };
    case 'configUpdateRequest':
      return { case: 'configUpdate', value: toConfigUpdate(message) };
    case 'flowControl':
      return { case: 'flowControl', value: toFlowControl(message) };
    case 'pong':
      return { case: 'pong', value: toPong(message, context) };
    case 'ping':
      return { case: 'ping', value: toPing(message.sequence, message.timestampMs) };
    case 'drain':
      return { case: 'drain', value: toDrain(message, context.nowMs()) };
    case 'shutdown':
      return { case: 'shutdown', value: toShutdown(message, context.nowMs()) };
    case 'log':
      return { case: 'log', value: toLog(message) };
    default:
      return undefined;
  }
}

const cannotCarry = (message: Message, role: string): AgentwireError =>
  new AgentwireError('ERR_UNSUPPORTED', `gRPC carries no ${message.type} from a ${role}`);

/** Bytes of `message` from a proxy. @throws AgentwireError `ERR_UNSUPPORTED` for what only agents send. */
export function writeProxyMessage(message: Message, context: CodecContext): Uint8Array {
  const oneof = toProxyToAgent(message, context);
  if (oneof === undefined) throw cannotCarry(message, 'proxy');
  return toBinary(ProxyToAgentSchema, create(ProxyToAgentSchema, { message: oneof }));
}

/** Bytes of `message` from an agent. @throws AgentwireError `ERR_UNSUPPORTED` for what only proxies send. */
export function writeAgentMessage(message: Message, context: CodecContext): Uint8Array {
  const oneof = toAgentToProxy(message, context);
  if (oneof === undefined) throw cannotCarry(message, 'agent');
  return toBinary(AgentToProxySchema, create(AgentToProxySchema, { message: oneof }));
}
