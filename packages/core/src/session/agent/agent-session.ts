import { type Clock, systemClock } from '../../clock.ts';
import type { CloseReason, Connection, EncodedMessage } from '../../contract/connection.ts';
import { type Logger, silentLogger } from '../../logger.ts';
import type { ConfigUpdateResponse, Drain, Shutdown } from '../../message/control.ts';
import type { Decision } from '../../message/decision.ts';
import type { ProxyEvent } from '../../message/events.ts';
import type { Message } from '../../message/message.ts';
import { OPTION, type OptionRows, type Resolved, resolveTypes } from '../../option-table.ts';
import { KEEPALIVE_TABLE, type KeepaliveOptions } from '../keepalive.ts';
import type { AgentRequest } from './agent-request.ts';

/** Message that a proxy sends besides events. */
export type ProxyNotice = ConfigUpdateResponse | Drain | Shutdown;

/** Handler of an agent's session. Calls for one request are made in the order of its events, one after the other. */
export interface SessionHandler {
  /**
   * Decides on one event. The result for `requestComplete` is sent in the zentinel dialect alone, the documented one has no
   * answer to it. A throw or rejection becomes a failure answer, never an allow. A promise of `undefined` sends no answer, for a peer that no longer waits for one.
   *
   * `encoded` is the event's encoded form, if the connection has one and the event did not have to wait.
   */
  onEvent(event: ProxyEvent, request: AgentRequest, encoded?: EncodedMessage): Decision | Promise<Decision | undefined>;
  /** Called when an event is queued behind the running handler of its request. */
  onQueued?(event: ProxyEvent, request: AgentRequest): void;
  /** Called once when a request has ended: cancelled, completed, or evicted. */
  onRequestEnd?(request: AgentRequest): void;
  onNotice?(notice: ProxyNotice, session: AgentSession): void;
  onOpen?(session: AgentSession): void;
  onClose?(reason: CloseReason, session: AgentSession): void;
}

/** Options of an {@link AgentSession}. */
export interface AgentSessionOptions {
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Limit of requests with a running handler; default 1 024. Past it the answer is `ERR_OVERLOADED`. */
  readonly maxInFlight?: number;
  /** Limit of queued events of one request; default 1 024. Past it the connection ends with `ERR_OVERLOADED`. */
  readonly maxQueuedPerRequest?: number;
  /** Limit of requests kept for later events; default 10 000. Past it the least recently used idle one is evicted. */
  readonly maxRetained?: number;
  /**
   * Time that a request of the zentinel dialect is kept without an event, in milliseconds; default 60 000.
   * Others are kept until they are completed or cancelled, or the connection ends.
   */
  readonly requestStateTtlMs?: number;
  /**
   * Time that pending requests get at {@link AgentSession.drain} and after a third-party proxy has half-closed, in
   * milliseconds, 0 to 86 400 000; default 30 000.
   */
  readonly drainTimeoutMs?: number;
  /** Pings to a silent proxy; `false` sends none, and proxies of the zentinel dialect get none. */
  readonly keepalive?: KeepaliveOptions | false;
}

/** {@link AgentSessionOptions} with their defaults. */
export type ResolvedAgentSessionOptions = Resolved<AgentSessionOptions>;

const DAY_MS = 86_400_000;

/** Table of {@link AgentSessionOptions}. */
const AGENT_SESSION_TABLE: OptionRows<AgentSessionOptions> = {
  clock: { check: OPTION.clock, default: systemClock },
  logger: { check: OPTION.logger, default: silentLogger },
  maxInFlight: { check: OPTION.integer(1, 10_000_000), default: 1024 },
  maxQueuedPerRequest: { check: OPTION.integer(1, 10_000_000), default: 1024 },
  maxRetained: { check: OPTION.integer(1, 10_000_000), default: 10_000 },
  requestStateTtlMs: { check: OPTION.integer(1, DAY_MS), default: 60_000 },
  drainTimeoutMs: { check: OPTION.integer(0, DAY_MS), default: 30_000 },
  keepalive: { check: OPTION.falseOr(OPTION.nested(KEEPALIVE_TABLE)), default: {} },
};

/** Checks options and fills in defaults; ignores other keys. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function resolveAgentSessionOptions(options: AgentSessionOptions): ResolvedAgentSessionOptions {
  return resolveTypes('', options, AGENT_SESSION_TABLE);
}

/** Counts since the session began. */
interface AgentSessionStats {
  /** Events received. */
  readonly events: number;
  readonly answers: number;
  /** Answers for events that could not be decided. */
  readonly failures: number;
  readonly cancelled: number;
  readonly malformed: number;
}

/** Agent's end of one connection: calls a handler with each event and sends the answers in the order of the events. */
export interface AgentSession extends AsyncDisposable {
  readonly connection: Connection;
  /** Requests with a running handler. */
  readonly inFlight: number;
  readonly stats: AgentSessionStats;
  /** Sends a report, a log line or a drain, if the proxy accepts its type. @returns whether it was sent */
  notify(message: Message): boolean;
  /** Resolves when no handler runs. */
  whenIdle(): Promise<void>;
  /**
   * Asks the proxy to send nothing new, answers what it sent before it received that, and closes once idle or after
   * `timeoutMs` (default `drainTimeoutMs`). A proxy of the zentinel dialect has no drain message: its events are answered
   * until none has come for 1 s, and its connection is dropped then.
   */
  drain(options?: { readonly timeoutMs?: number }): Promise<void>;
  /** Sends what is buffered, then ends the connection. */
  close(): Promise<void>;
}
