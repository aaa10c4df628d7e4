import type { AgentwireError } from '../errors.ts';
import type {
  Cancel,
  CancelAll,
  ConfigUpdateRequest,
  ConfigUpdateResponse,
  Drain,
  FlowControl,
  HealthStatus,
  LogMessage,
  MetricsReport,
  Ping,
  Pong,
  Shutdown,
} from './control.ts';
import type { Decision } from './decision.ts';
import type { ProxyEvent, RequestId } from './events.ts';

/** The answer to one event: the n-th answer of a request belongs to its n-th answered event. */
export interface Answer {
  readonly type: 'answer';
  readonly id: RequestId;
  readonly decision: Decision;
}

/**
 * Older answer to a body chunk; read as an allow with a mutation for the oldest unanswered chunk of that index. Never sent. `data` is `null` to pass, empty to drop.
 */
interface BodyMutationMessage {
  readonly type: 'bodyMutation';
  readonly id: RequestId;
  readonly index: number;
  readonly data: Uint8Array | null;
}

/** Message that a connection can carry after its handshake. */
export type Message =
  | ProxyEvent
  | Answer
  | BodyMutationMessage
  | Cancel
  | CancelAll
  | Ping
  | Pong
  | Drain
  | Shutdown
  | HealthStatus
  | MetricsReport
  | ConfigUpdateRequest
  | ConfigUpdateResponse
  | FlowControl
  | LogMessage;

/** The `type` of a message. */
export type MessageType = Message['type'];

/**
 * Complete frame whose content could not be decoded, delivered in its place in the order, so that its request fails and no other.
 * `id` is absent if even that could not be read.
 */
export interface Malformed {
  readonly type: 'malformed';
  readonly of: MessageType;
  readonly id?: RequestId | undefined;
  /** Code `ERR_PROTOCOL` or `ERR_MESSAGE_TOO_LARGE`. */
  readonly error: AgentwireError;
}

/** Message as a connection delivers it. */
export type Received = Message | Malformed;
