import { fromBinary } from '@bufbuild/protobuf';
import { toAgentwireError, type MessageType, type Received } from '@agentwire/core';
import {
  AgentToProxySchema,
  ProxyToAgentSchema,
  type AgentToProxy,
  type HandshakeRequest,
  type HandshakeResponse,
  type ProxyToAgent,
} from '../../gen/zentinel/agent/v2/agent_pb.ts';
import type { CodecContext } from '../codec-context.ts';
import {
  fromCancel,
  fromConfigResponse,
  fromConfigUpdate,
  fromDrain,
  fromFlowControl,
  fromHealth,
  fromLog,
  fromPing,
  fromPong,
  fromShutdown,
} from './control-from-proto.ts';
import { fromResponse } from './decision-from-proto.ts';
import {
  fromBodyChunk,
  fromConfigure,
  fromGuardrail,
  fromRequestComplete,
  fromRequestHeaders,
  fromResponseHeaders,
  fromWebSocketFrame,
} from './event-from-proto.ts';
import { checkRepeatedFields, checkWireTypes } from './check-fields.ts';
import { fromMetrics } from './metrics-fields.ts';
import { present } from './present.ts';
import { scanMessage } from './scan-message.ts';
import { withoutAgentwireNumbers } from './agentwire-numbers.ts';

/** A second handshake, which the connection has to refuse. */
type HandshakeAgain = { readonly type: 'handshake'; readonly value: HandshakeRequest | HandshakeResponse };

/** Result of reading one gRPC message; undefined for one without content (unknown kinds, heartbeats). */
export type Read = Received | HandshakeAgain | undefined;

const READ_OPTIONS = { readUnknownFields: false };

/** Reads the oneof of ProxyToAgent. @throws AgentwireError `ERR_PROTOCOL`. */
export function fromProxyToAgent(fields: ProxyToAgent, context: CodecContext): Read {
  const { message } = context.isAgentwire ? fields : withoutAgentwireNumbers(ProxyToAgentSchema, fields);
  switch (message.case) {
    case 'requestHeaders':
      return fromRequestHeaders(message.value, context.isAgentwire);
    case 'requestBodyChunk':
    case 'responseBodyChunk':
      return fromBodyChunk(message.case, message.value);
    case 'responseHeaders':
      return fromResponseHeaders(message.value, context.isAgentwire);
    case 'websocketFrame':
      return fromWebSocketFrame(message.value);
    case 'guardrail':
      return fromGuardrail(message.value);
    case 'requestComplete':
      return fromRequestComplete(message.value);
    case 'cancel':
      return fromCancel(message.value);
    case 'configure':
      return fromConfigure(message.value, context.configureId);
    case 'ping':
      return fromPing(message.value, context.pings);
    case 'pong':
      return fromPong(message.value);
    case 'drain':
      return fromDrain(message.value);
    case 'shutdown':
      return fromShutdown(message.value);
    case 'configResponse':
      return fromConfigResponse(message.value);
    case 'cancelAll':
      return present({ type: 'cancelAll' as const, reason: message.value.reason });
    case 'handshake':
      return { type: 'handshake', value: message.value };
    default:
      return undefined;
  }
}

/** Reads the oneof of AgentToProxy. @throws AgentwireError `ERR_PROTOCOL`. */
function fromAgentToProxy(fields: AgentToProxy, context: CodecContext): Read {
  const { message } = context.isAgentwire ? fields : withoutAgentwireNumbers(AgentToProxySchema, fields);
  switch (message.case) {
    case 'response':
      return { type: 'answer', id: message.value.correlationId, decision: fromResponse(message.value) };
    case 'health':
      return fromHealth(message.value);
    case 'metrics':
      return fromMetrics(message.value);
    case 'configUpdate':
      return fromConfigUpdate(message.value);
    case 'flowControl':
      return fromFlowControl(message.value);
    case 'pong':
      return fromPong(message.value);
    case 'ping':
      return fromPing(message.value, context.pings);
    case 'drain':
      return fromDrain(message.value);
    case 'shutdown':
      return fromShutdown(message.value);
    case 'log':
      return fromLog(message.value);
    case 'handshake':
      return { type: 'handshake', value: message.value };
    default:
      return undefined;
  }
}

const PROXY_KINDS: Readonly<Record<number, MessageType>> = {
  2: 'requestHeaders',
  3: 'requestBodyChunk',
  4: 'responseHeaders',
  5: 'responseBodyChunk',
  6: 'webSocketFrame',
  7: 'guardrailInspect',
  8: 'requestComplete',
  9: 'cancel',
  10: 'configure',
  11: 'ping',
  100: 'drain',
  101: 'shutdown',
  102: 'configUpdateResponse',
  103: 'cancelAll',
  104: 'pong',
};
const AGENT_KINDS: Readonly<Record<number, MessageType>> = {
  2: 'answer',
  3: 'healthStatus',
  4: 'metricsReport',
  5: 'configUpdateRequest',
  6: 'flowControl',
  7: 'pong',
  8: 'log',
  100: 'ping',
  101: 'drain',
  102: 'shutdown',
};

/** Reads bytes from a proxy; what cannot be read becomes `malformed`, with its id where that could be read. */
export function readProxyMessage(bytes: Uint8Array, context: CodecContext): Read {
  try {
    checkWireTypes(ProxyToAgentSchema, bytes);
    return fromProxyToAgent(fromBinary(ProxyToAgentSchema, bytes, READ_OPTIONS), context);
  } catch (error) {
    const { kind, id } = scanMessage(bytes, 2, 10);
    const known = toAgentwireError(error, 'ERR_PROTOCOL', 'unreadable message of the proxy');
    return present({ type: 'malformed' as const, of: PROXY_KINDS[kind] ?? 'requestHeaders', id, error: known });
  }
}

/** Reads bytes from an agent; what cannot be read becomes `malformed`, with its id where that could be read. */
export function readAgentMessage(bytes: Uint8Array, context: CodecContext): Read {
  try {
    checkRepeatedFields(AgentToProxySchema, bytes);
    return fromAgentToProxy(fromBinary(AgentToProxySchema, bytes, READ_OPTIONS), context);
  } catch (error) {
    const { kind, id } = scanMessage(bytes, -1, -1);
    const known = toAgentwireError(error, 'ERR_PROTOCOL', 'unreadable message of the agent');
    return present({ type: 'malformed' as const, of: AGENT_KINDS[kind] ?? 'answer', id, error: known });
  }
}
