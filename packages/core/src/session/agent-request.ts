import type { Connection } from '../contract/connection.ts';
import { AgentwireError } from '../errors.ts';
import type { CancelReason } from '../message/control.ts';
import type { ProxyEvent, RequestId } from '../message/events.ts';
import type { Malformed } from '../message/message.ts';

/** One request as an agent's session knows it: what its events have in common. */
export interface AgentRequest {
  /** The id on the wire; unique on its connection in the documented dialect, anything a client chose in the zentinel one. */
  readonly id: RequestId;
  readonly connection: Connection;
  /** Aborted by cancel, by the connection's end, and by the end of a drain; made on first use. */
  readonly signal: AbortSignal;
  /** Whether {@link signal} is aborted, without making one. */
  readonly cancelled: boolean;
  /** Events that have no answer yet, the running one included. */
  readonly unanswered: number;
  /** Keeps this object for later events of the request after its answers; bounded by count and age. Default `false`. */
  retain: boolean;
  /** Whatever the handler wants to keep with the request. */
  state: unknown;
}

/** An event, or the place of one that could not be decoded or taken. */
export type QueuedEvent = ProxyEvent | Malformed;

/** The one implementation of {@link AgentRequest}. */
export class AgentRequestCore implements AgentRequest {
  readonly id: RequestId;
  readonly connection: Connection;
  retain = false;
  state: unknown = undefined;
  cancelled = false;
  /** Whether a handler runs for it. */
  running = false;
  /** Whether the handler was told of its end. */
  ended = false;
  /** Whether it stands in its session's table; one that is answered at once never has to. */
  listed = false;
  /** Events that wait for the running one. */
  queue: QueuedEvent[] | undefined;
  /** When it last had an event, by the session's clock. */
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

  /** Fires the signal and forgets what waits. */
  cancel(reason: CancelReason | 'connection_closed' | 'drain_timeout' | undefined): void {
    if (this.cancelled) return;
    this.cancelled = true;
    this.queue = undefined;
    this.#reason = new AgentwireError('ERR_ABORTED', `the request was given up: ${reason ?? 'no reason'}`, {
      detail: { reason },
    });
    this.#controller?.abort(this.#reason);
  }
}
