export { type Clock, systemClock, type TimerHandle } from './clock.ts';
export { Admission, PendingPeer } from './contract/admission.ts';
export { type MediumTraits, negotiate } from './contract/negotiate.ts';
export { type Capabilities, DEFAULT_CAPABILITIES } from './contract/capabilities.ts';
export { ConnectionBase } from './contract/connection-base.ts';
export type { CloseReason, Connection, ConnectionHandler, EncodedMessage } from './contract/connection.ts';
export { type Endpoint, parseEndpoint } from './contract/endpoint.ts';
export { type Credential, type Dialect, FEATURES, type Hello, type Peer, type Role } from './contract/peer.ts';
export type {
  ClientTls,
  ConnectOptions,
  Listener,
  ListenOptions,
  OnConnection,
  Transport,
} from './contract/transport.ts';
export { AgentwireError, ERROR_CODES, type ErrorCode, toAgentwireError } from './errors.ts';
export type { Logger } from './logger.ts';
export type {
  Cancel,
  CancelAll,
  CancelReason,
  ConfigUpdate,
  ConfigUpdateRequest,
  ConfigUpdateResponse,
  Drain,
  FlowControl,
  HealthState,
  HealthStatus,
  HistogramMetric,
  LogMessage,
  MetricsReport,
  Ping,
  Pong,
  RuleDefinition,
  ScalarMetric,
  Shutdown,
} from './message/control.ts';
export {
  ALLOW,
  type Audit,
  type BodyMutation,
  type Decision,
  type DecisionCache,
  type GuardrailDetection,
  type GuardrailResult,
  type HeaderOp,
  type Verdict,
  type WebSocketDecision,
} from './message/decision.ts';
export { readGuardrailResult } from './message/guardrail-result.ts';
export {
  type Configure,
  EVENT_TYPES,
  type EventType,
  type GuardrailInspect,
  type HeaderList,
  type ProxyEvent,
  type RequestBodyChunk,
  type RequestComplete,
  type RequestHead,
  type RequestHeaders,
  type RequestId,
  type RequestMetadata,
  type ResponseBodyChunk,
  type ResponseHeaders,
  type WebSocketFrame,
  type WebSocketOpcode,
} from './message/events.ts';
export type { Answer, Malformed, Message, MessageType, Received } from './message/message.ts';
export type { MetricsRecorder, MetricsSource, MetricType, OwnMetrics } from './metrics-recorder.ts';
export type { SpanStart, Tracer, TraceSpan } from './tracer.ts';
