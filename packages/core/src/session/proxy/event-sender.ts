import type { Clock } from '../../clock.ts';
import type { Connection } from '../../contract/connection.ts';
import { AgentwireError } from '../../errors.ts';
import type { Lifecycle } from '../../lifecycle.ts';
import type { Logger } from '../../logger.ts';
import { completeEvent } from '../../message/complete-event.ts';
import type { CancelReason, Ping } from '../../message/control.ts';
import type { ProxyEvent, RequestId } from '../../message/events.ts';
import type { Message } from '../../message/message.ts';
import { pongOf } from '../keepalive.ts';
import type { Completion, EventBody } from './exchange.ts';

/** Limit of pongs that wait behind a full buffer. */
const MAX_UNREAD_PONGS = 1024;

/** States of an event sender: in `full`, the connection's buffer is above its high-water mark. */
type EventSenderState = 'writable' | 'full';

/** States and transitions of an event sender. */
export const EVENT_SENDER_LIFECYCLE: Lifecycle<EventSenderState> = {
  writable: { 'send above the high-water mark': 'full' },
  full: { 'send below it': 'writable', drain: 'writable' },
};

/** Exchange with questions to send. */
interface Pump {
  /** Sends the questions that wait, as far as peer and buffer allow. */
  pump(): void;
}

/** Sends a proxy session's messages, and resumes exchanges whose questions wait for room in the buffer or for the next turn. */
export class EventSender {
  /** Number of the event loop's turn, as far as {@link noteTurn} was called. */
  turn = 0;
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #state: EventSenderState = 'writable';
  readonly #awaitRoom = new Set<Pump>();
  #awaitTurn = new Set<Pump>();
  #turnScheduled = false;
  #unreadPongs = 0;

  constructor(connection: Connection, clock: Clock, logger: Logger) {
    this.#connection = connection;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** True if a body chunk may be sent now. */
  get writable(): boolean {
    return this.#state === 'writable';
  }

  #send(message: Message): void {
    this.#state = this.#connection.send(message) ? 'writable' : 'full';
  }

  /** Completes and sends an event. @throws AgentwireError `ERR_INVALID_ARGUMENT` for a wrong field, and what `send` throws */
  sendEvent(event: EventBody, id: RequestId): void {
    this.#send(completeEvent({ ...event, id } as ProxyEvent, this.#clock));
  }

  /** Sends a message that is not an event, if the agent accepts its type. @returns whether it was sent */
  notify(message: Message): boolean {
    const connection = this.#connection;
    if (connection.status !== 'open' || !connection.peer.accepts.has(message.type)) return false;
    this.#send(message);
    return true;
  }

  /**
   * Answers a ping. A proxy never stops reading, because both sides would wait for each other; so an agent that pings and
   * reads nothing loses its connection.
   */
  sendPong(ping: Ping): void {
    this.notify(pongOf(ping));
    if (this.writable) this.#unreadPongs = 0;
    else if ((this.#unreadPongs += 1) > MAX_UNREAD_PONGS) {
      const { peer, id } = this.#connection;
      const why = `${peer.name} reads nothing on ${id}: ${MAX_UNREAD_PONGS} pongs wait behind a full buffer`;
      this.#connection.abort(new AgentwireError('ERR_OVERLOADED', why));
    }
  }

  /** Cancels a request at the agent, if possible: the exchange ends in any case. */
  sendCancel(id: RequestId, reason: CancelReason): void {
    try {
      this.notify({ type: 'cancel', id, reason, timestampMs: this.#clock.wallNow() });
    } catch (error) {
      this.#logger.warn({ connection: this.#connection.id, err: error }, 'a cancel could not be sent');
    }
  }

  /** Reports the end of a request. @returns `false` if the agent accepts no such messages */
  sendComplete(id: RequestId, summary: Completion): boolean {
    try {
      return this.notify({ ...summary, type: 'requestComplete', id });
    } catch (error) {
      if (!(error instanceof AgentwireError) || error.code !== 'ERR_OVERLOADED') throw error;
      // the caller could do nothing about it: an agent that is so far behind goes without
      this.#logger.warn({ connection: this.#connection.id, code: error.code }, 'a request complete could not be sent');
      return true;
    }
  }

  /** Pumps `exchange` once the buffer has room. */
  awaitRoom(exchange: Pump): void {
    this.#awaitRoom.add(exchange);
  }

  /** Resumes sending: the connection's buffer is below its low-water mark. */
  onDrain(): void {
    this.#state = 'writable';
    this.#unreadPongs = 0;
    for (const exchange of this.#awaitRoom) {
      if (!this.writable) return;
      this.#awaitRoom.delete(exchange);
      exchange.pump();
    }
  }

  /** Starts another number in the next turn of the event loop. @returns this turn's number */
  noteTurn(): number {
    if (!this.#turnScheduled) {
      this.#turnScheduled = true;
      setImmediate(this.#nextTurn);
    }
    return this.turn;
  }

  /** Pumps `exchange` in the next turn, which {@link noteTurn} must have scheduled. */
  awaitTurn(exchange: Pump): void {
    this.#awaitTurn.add(exchange);
  }

  readonly #nextTurn = (): void => {
    this.#turnScheduled = false;
    this.turn += 1;
    const exchanges = this.#awaitTurn;
    this.#awaitTurn = new Set();
    for (const exchange of exchanges) exchange.pump();
  };

  /** Forgets an exchange that has ended. */
  forget(exchange: Pump): void {
    if (this.#awaitRoom.size > 0) this.#awaitRoom.delete(exchange);
  }
}
