import type { Clock } from '../clock.ts';
import type { Connection } from '../contract/connection.ts';
import { AgentwireError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { CancelReason, Ping } from '../message/control.ts';
import { completeEvent } from '../message/complete-event.ts';
import type { ProxyEvent, RequestId } from '../message/events.ts';
import type { Message } from '../message/message.ts';
import { pongOf } from './ping-sender.ts';
import type { Completion, EventBody } from './exchange.ts';

/** Pongs that may be left unread behind a full buffer. */
const MAX_UNREAD_PONGS = 1024;

/** Whoever has body chunks to send. */
interface Pump {
  /** Sends as far as there is room. */
  pump(): void;
}

/** What a proxy's session sends, and the exchanges whose body chunks wait for room in the connection's buffer. */
export class Outbox {
  /** Whether a body chunk may be sent now. */
  writable = true;
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #waitingForRoom = new Set<Pump>();
  #unreadPongs = 0;

  constructor(connection: Connection, clock: Clock, logger: Logger) {
    this.#connection = connection;
    this.#clock = clock;
    this.#logger = logger;
  }

  sendEvent(event: EventBody, id: RequestId): void {
    const complete = completeEvent({ ...event, id } as ProxyEvent, this.#clock);
    this.writable = this.#connection.send(complete);
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

  sendCancel(id: RequestId, reason: CancelReason): void {
    try {
      this.notify({ type: 'cancel', id, reason, timestampMs: this.#clock.wallNow() });
    } catch (error) {
      // whoever gives up must end, whether the agent hears of it or not
      this.#logger.warn({ connection: this.#connection.id, err: error }, 'a cancel could not be sent');
    }
  }

  /** Tells the agent that a request is over. @returns whether it was told, or takes such messages but is too far behind */
  sendComplete(id: RequestId, summary: Completion): boolean {
    try {
      return this.notify({ type: 'requestComplete', id, ...summary });
    } catch (error) {
      if (!(error instanceof AgentwireError) || error.code !== 'ERR_OVERLOADED') throw error;
      // nobody could do anything about it: the agent is so far behind that it goes without
      this.#logger.warn({ connection: this.#connection.id, code: error.code }, 'a request complete could not be sent');
      return true;
    }
  }

  /** Sends a message that is no question, where the agent understands it. @returns whether it was sent. */
  notify(message: Message): boolean {
    const connection = this.#connection;
    if (connection.status !== 'open' || !connection.peer.accepts.has(message.type)) return false;
    this.writable = connection.send(message);
    return true;
  }

  /** Asks for {@link Pump.pump} once there is room again. */
  awaitRoom(exchange: Pump): void {
    this.#waitingForRoom.add(exchange);
  }

  /** An exchange is over and sends nothing more. */
  forget(exchange: Pump): void {
    if (this.#waitingForRoom.size > 0) this.#waitingForRoom.delete(exchange);
  }

  /** There is room again. */
  onRoom(): void {
    this.writable = true;
    this.#unreadPongs = 0;
    for (const exchange of this.#waitingForRoom) {
      if (!this.writable) return;
      this.#waitingForRoom.delete(exchange);
      exchange.pump();
    }
  }
}
