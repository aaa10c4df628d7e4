import type { Connection } from '../../contract/connection.ts';
import { AgentwireError } from '../../errors.ts';
import type { CancelReason } from '../../message/control.ts';
import type { ProxyEvent, RequestId } from '../../message/events.ts';
import type { Malformed } from '../../message/message.ts';

/** One request as an agent's session knows it: the part that its events share. */
export interface AgentRequest {
  /** Id on the wire; unique on its connection in the documented dialect, anything a client chose in the zentinel one. */
  readonly id: RequestId;
  readonly connection: Connection;
  /** Aborted by a cancel, by the end of the connection, and by the end of a drain; created on first use. */
  readonly signal: AbortSignal;
  /** True once {@link signal} is aborted; reading it creates no signal. */
  readonly cancelled: boolean;
  /** Events without an answer, the running one included. */
  readonly unanswered: number;
  /** Keeps this object for later events of the request after its answers, limited by count and age. Default `false`. */
  retain: boolean;
  /** Value that the handler keeps with the request. */
  state: unknown;
}

/** Event, or an undecodable one in its place. */
export type QueuedEvent = ProxyEvent | Malformed;

/** Implementation of {@link AgentRequest}. */
export class AgentRequestCore implements AgentRequest {
  readonly id: RequestId;
  readonly connection: Connection;
  retain = false;
  state: unknown = undefined;
  cancelled = false;
  /** True while a handler runs for it. */
  running = false;
  /** True once `onRequestEnd` was called. */
  ended = false;
  /** True once it was put into its session's table; a request that is answered at once need not be. */
  registered = false;
  /** Events behind the running one. */
  queue: QueuedEvent[] | undefined;
  /** Time of its last event, on the session's clock. */
  touchedAt = 0;
  #controller: AbortController | undefined;
  #reason: AgentwireError | undefined;

  constructor(id: RequestId, connection: Connection) {
    this.id = id;
    this.connection = connection;
  }

  get unanswered(): number {
    return (this.running ? 1 : 0) + (this.queue?.length ?? 0);
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    return this.#controller.signal;
  }

  /** Aborts the signal and drops the queue. */
  cancel(reason: CancelReason | 'connection_closed' | 'drain_timeout' | undefined): void {
    if (this.cancelled) return;
    this.cancelled = true;
    this.queue = undefined;
    this.#reason = new AgentwireError('ERR_ABORTED', `the request was cancelled: ${reason ?? 'no reason'}`, {
      detail: { reason },
    });
    this.#controller?.abort(this.#reason);
  }
}
