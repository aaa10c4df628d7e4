import type { Clock } from '../clock.ts';
import type { CloseReason, Connection, EncodedMessage } from '../contract/connection.ts';
import type { Logger } from '../logger.ts';
import type { ConfigUpdateResponse, Drain, Shutdown } from '../message/control.ts';
import type { Decision } from '../message/decision.ts';
import type { ProxyEvent } from '../message/events.ts';
import type { Message } from '../message/message.ts';
import type { AgentRequest } from './agent-request.ts';
import type { KeepaliveOptions } from './keepalive.ts';

/** What a proxy says of its own accord. */
export type ProxyNotice = ConfigUpdateResponse | Drain | Shutdown;

/** Decides. What is called for one request is called in the order of its events, one after the other. */
export interface SessionHandler {
  /**
   * Decides on one event. What it gives for `requestComplete` is not sent. A throw or rejection becomes a failure answer,
   * never an allow. A promise of `undefined` gives no answer, which only a peer that no longer waits for one can take.
   *
   * `encoded` is the event's encoded form, if the connection has one and the event did not have to wait.
   */
  onEvent(event: ProxyEvent, request: AgentRequest, encoded?: EncodedMessage): Decision | Promise<Decision | undefined>;
  /** An event waits behind the running handler of its request. */
  onQueued?(event: ProxyEvent, request: AgentRequest): void;
  /** A request is over for good: cancelled, completed, or its place was needed. */
  onRequestEnd?(request: AgentRequest): void;
  onNotice?(notice: ProxyNotice, session: AgentSession): void;
  onOpen?(session: AgentSession): void;
  onClose?(reason: CloseReason, session: AgentSession): void;
}

/** Options of an {@link AgentSession}. */
export interface AgentSessionOptions {
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Requests that may be worked on at once; default 1 024. Past it the answer is `ERR_OVERLOADED`. */
  readonly maxInFlight?: number;
  /** Events of one request that may wait; default 1 024. Past it the connection ends with `ERR_OVERLOADED`. */
  readonly maxQueuedPerRequest?: number;
  /** Requests kept for later events; default 10 000. Past it the oldest idle one is forgotten. */
  readonly maxRetained?: number;
  /**
   * How long a request of the zentinel dialect is kept without an event, in milliseconds; default 60 000.
   * Others are kept until they are completed or cancelled, or the connection ends.
   */
  readonly requestStateTtlMs?: number;
  /**
   * Longest time for what is pending at {@link AgentSession.drain} and after a third-party proxy has half-closed, in
   * milliseconds; default 30 000, 0 to 86 400 000.
   */
  readonly drainTimeoutMs?: number;
  /** When to ping a silent proxy; `false` never does, and the zentinel dialect never does. */
  readonly keepalive?: KeepaliveOptions | false;
}

/** Counts since the session began. */
export interface AgentSessionStats {
  /** Events that came. */
  readonly events: number;
  readonly answers: number;
  /** Answers that said that the agent could not decide. */
  readonly failures: number;
  readonly cancelled: number;
  readonly malformed: number;
}

/** The agent's end of one connection: hands events to a handler and sends its answers in their order. */
export interface AgentSession extends AsyncDisposable {
  readonly connection: Connection;
  /** Requests that are being worked on. */
  readonly inFlight: number;
  readonly stats: AgentSessionStats;
  /** Sends a report, a log line or a drain, where the proxy understands it. @returns whether it was sent. */
  notify(message: Message): boolean;
  /** Resolves when no request is being worked on. */
  whenIdle(): Promise<void>;
  /**
   * Tells the proxy to send nothing new, answers what it had sent before it heard of that, and closes once idle or after
   * `timeoutMs` (default `drainTimeoutMs`). A proxy of the zentinel dialect knows no drain: it is answered until nothing has come for
   * 1 s, and its connection is dropped then.
   */
  drain(options?: { readonly timeoutMs?: number }): Promise<void>;
  /** Ends the connection after what is buffered. */
  close(): Promise<void>;
}
