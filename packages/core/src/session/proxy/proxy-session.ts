import { type Clock, systemClock } from '../../clock.ts';
import type { CloseReason, Connection } from '../../contract/connection.ts';
import type { AgentwireError } from '../../errors.ts';
import { type Logger, silentLogger } from '../../logger.ts';
import type {
  CancelReason,
  ConfigUpdateRequest,
  Drain,
  FlowControl,
  HealthStatus,
  LogMessage,
  MetricsReport,
  Shutdown,
} from '../../message/control.ts';
import type { Decision } from '../../message/decision.ts';
import type { RequestId } from '../../message/events.ts';
import type { Message } from '../../message/message.ts';
import { OPTION, type OptionRows, type Resolved } from '../../option-table.ts';
import { KEEPALIVE_TABLE, type KeepaliveOptions } from '../keepalive.ts';
import type { AskOptions, EventBody, Exchange } from './exchange.ts';

/** Message that an agent sends unasked. */
export type AgentNotice =
  HealthStatus | MetricsReport | ConfigUpdateRequest | FlowControl | LogMessage | Drain | Shutdown;

/** Options of a {@link ProxySession}. */
export interface ProxySessionOptions {
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Time that an answer may take if the question has no `timeoutMs`, in milliseconds; default 30 000. */
  readonly requestTimeoutMs?: number;
  /** Limit of open exchanges, 1 to 65 536; default 1 024. Past it `open` throws `ERR_OVERLOADED`. */
  readonly maxInFlight?: number;
  /** Pings to a silent agent; `false` sends none. */
  readonly keepalive?: KeepaliveOptions | false;
  /** Called for every message that is not an answer. Must not throw. */
  readonly onNotice?: (notice: AgentNotice, session: ProxySession) => void;
  /**
   * Called with the one outcome of each question, its duration in milliseconds, and the time of `clock`, to measure without a
   * promise. Must not throw.
   */
  readonly onOutcome?: (
    exchange: Exchange,
    outcome: Decision | AgentwireError,
    durationMs: number,
    now: number,
  ) => void;
  /** Called once when the connection has ended, after every question has been rejected. */
  readonly onClose?: (reason: CloseReason, session: ProxySession) => void;
}

type Callbacks = 'onNotice' | 'onOutcome' | 'onClose';

/** {@link ProxySessionOptions} with their defaults. */
export type ResolvedProxySessionOptions = Resolved<Omit<ProxySessionOptions, Callbacks>> &
  Pick<ProxySessionOptions, Callbacks>;

const DAY_MS = 86_400_000;

/** Table of {@link ProxySessionOptions}. */
export const PROXY_SESSION_TABLE: OptionRows<ProxySessionOptions> = {
  clock: { check: OPTION.clock, default: systemClock },
  logger: { check: OPTION.logger, default: silentLogger },
  requestTimeoutMs: { check: OPTION.number(0, DAY_MS), default: 30_000 },
  maxInFlight: { check: OPTION.integer(1, 65_536), default: 1024 },
  keepalive: { check: OPTION.falseOr(OPTION.nested(KEEPALIVE_TABLE)), default: {} },
  onNotice: { check: OPTION.function },
  onOutcome: { check: OPTION.function },
  onClose: { check: OPTION.function },
};

/** Counts since the session began. */
interface ProxySessionStats {
  readonly answers: number;
  /** Answers to exchanges that had ended. */
  readonly lateAnswers: number;
  /** Answers to open exchanges without a question; each ended its exchange with `ERR_PROTOCOL`. */
  readonly unasked: number;
  readonly timeouts: number;
  /** Messages that could not be decoded. */
  readonly malformed: number;
}

/** Proxy's end of one connection: asks, and settles every question with exactly one outcome. */
export interface ProxySession extends AsyncDisposable {
  readonly connection: Connection;
  /** Exchanges that hold an id. */
  readonly inFlight: number;
  /** Questions without an answer. */
  readonly pending: number;
  /** True while the agent or this side refuses new exchanges. */
  readonly draining: boolean;
  /** True while the agent asks for a pause. Asking is still possible: the pool's policy decides. */
  readonly paused: boolean;
  readonly stats: ProxySessionStats;
  /** Opens an exchange for a new request. @throws AgentwireError `ERR_CLOSED`, `ERR_DRAINING`, `ERR_OVERLOADED` */
  open(): Exchange;
  /** Returns the open exchange with this id on the wire, as a notice names it. */
  find(id: RequestId): Exchange | undefined;
  /** Opens an exchange for one event and ends it with the decision. @throws AgentwireError as {@link open} and `Exchange.ask` */
  request(event: EventBody, options?: AskOptions): Promise<Decision>;
  /** Cancels every exchange. */
  cancelAll(reason?: CancelReason): void;
  /** Resolves to the round trip in milliseconds. @throws AgentwireError `ERR_TIMEOUT`, `ERR_CLOSED` */
  ping(options?: { readonly timeoutMs?: number }): Promise<number>;
  /** Sends a message that is not a question, if the agent accepts its type. @returns whether it was sent */
  notify(message: Message): boolean;
  /** Refuses new exchanges, waits for the open ones, `timeoutMs` at most (default 30 000), then closes. */
  drain(options?: { readonly timeoutMs?: number }): Promise<void>;
  /** Sends what is buffered, then ends the connection; unanswered questions reject. */
  close(): Promise<void>;
}

/** Default timeout of {@link ProxySession.drain}, in milliseconds. */
export const DEFAULT_DRAIN_TIMEOUT_MS: number = 30_000;
