import type { Clock } from '../clock.ts';
import type { CloseReason, Connection } from '../contract/connection.ts';
import type { AgentwireError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type {
  CancelReason,
  ConfigUpdateRequest,
  Drain,
  FlowControl,
  HealthStatus,
  LogMessage,
  MetricsReport,
  Shutdown,
} from '../message/control.ts';
import type { Decision } from '../message/decision.ts';
import type { Message } from '../message/message.ts';
import type { AskOptions, EventBody, Exchange } from './exchange.ts';
import { OPTION, type OptionTable } from '../option-table.ts';
import { KEEPALIVE_TABLE, type KeepaliveOptions } from './keepalive.ts';

/** What an agent says of its own accord. */
export type AgentNotice =
  HealthStatus | MetricsReport | ConfigUpdateRequest | FlowControl | LogMessage | Drain | Shutdown;

/** Options of a {@link ProxySession}. */
export interface ProxySessionOptions {
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** How long an answer may take where the question does not say, in milliseconds; default 30 000. */
  readonly requestTimeoutMs?: number;
  /** Exchanges at a time, 1 to 65 536; default 1 024. Past it `open` throws `ERR_OVERLOADED`. */
  readonly maxInFlight?: number;
  /** When to ping a silent agent; `false` never does. */
  readonly keepalive?: KeepaliveOptions | false;
  /** Told of everything that is not an answer. Must not throw. */
  readonly onNotice?: (notice: AgentNotice, session: ProxySession) => void;
  /**
   * Told of the one outcome of each question, and how long it took in milliseconds; for measuring without a promise more.
   * Must not throw.
   */
  readonly onOutcome?: (exchange: Exchange, outcome: Decision | AgentwireError, durationMs: number) => void;
  /** Told once when the connection is over, after every question has been rejected. */
  readonly onClose?: (reason: CloseReason, session: ProxySession) => void;
}

/** The check of every option in {@link ProxySessionOptions}. */
export const PROXY_SESSION_TABLE: OptionTable<ProxySessionOptions> = {
  clock: OPTION.clock,
  logger: OPTION.logger,
  requestTimeoutMs: OPTION.number(0, 86_400_000),
  maxInFlight: OPTION.integer(1, 65_536),
  keepalive: OPTION.falseOr(OPTION.nested(KEEPALIVE_TABLE)),
  onNotice: OPTION.function,
  onOutcome: OPTION.function,
  onClose: OPTION.function,
};

/** Counts since the session began. */
export interface ProxySessionStats {
  readonly answers: number;
  /** Answers whose question was given up before. */
  readonly lateAnswers: number;
  /** Answers to live requests that asked nothing; each ended its request with `ERR_PROTOCOL`. */
  readonly unasked: number;
  readonly timeouts: number;
  /** Frames whose content could not be decoded. */
  readonly malformed: number;
}

/** The proxy's end of one connection: asks, and keeps every question to exactly one outcome. */
export interface ProxySession extends AsyncDisposable {
  readonly connection: Connection;
  /** Exchanges that hold an id. */
  readonly inFlight: number;
  /** Questions without an answer. */
  readonly pending: number;
  /** Whether the agent or this side refuses new exchanges. */
  readonly draining: boolean;
  /** Whether the agent asked for a pause. Asking is still possible; whether to is the pool's policy. */
  readonly paused: boolean;
  readonly stats: ProxySessionStats;
  /** Takes an id for a new request. @throws AgentwireError `ERR_CLOSED`, `ERR_DRAINING`, `ERR_OVERLOADED`. */
  open(): Exchange;
  /** One event, one decision, and the exchange is over. */
  request(event: EventBody, options?: AskOptions): Promise<Decision>;
  /** Gives every exchange up. */
  cancelAll(reason?: CancelReason): void;
  /** Resolves to the round trip in milliseconds. @throws AgentwireError `ERR_TIMEOUT`, `ERR_CLOSED`. */
  ping(options?: { readonly timeoutMs?: number }): Promise<number>;
  /** Sends a message that is no question, where the agent understands it. @returns whether it was sent. */
  notify(message: Message): boolean;
  /** Refuses new exchanges, waits for the open ones (30 s at most unless said otherwise), then closes. */
  drain(options?: { readonly timeoutMs?: number }): Promise<void>;
  /** Ends the connection after what is buffered; unanswered questions reject. */
  close(): Promise<void>;
}

/** How long a drain waits where nothing else is said, in milliseconds. */
export const DEFAULT_DRAIN_TIMEOUT_MS: number = 30_000;
