import type { TimerHandle } from '../clock.ts';
import type { CloseReason, ConnectionHandler, EncodedMessage } from '../contract/connection.ts';
import { AgentwireError } from '../errors.ts';
import type { RequestId } from '../message/events.ts';
import type { Malformed, Received } from '../message/message.ts';
import type { Fault, FaultPlace, FaultPlan } from './fault-plan.ts';

function requestOf(message: Received): RequestId | undefined {
  return 'id' in message ? message.id : undefined;
}

function malformed(message: Received, loseId: boolean): Malformed {
  const of = message.type === 'malformed' ? message.of : message.type;
  const error = new AgentwireError('ERR_PROTOCOL', `${of} was made undecodable by a fault`);
  const id = requestOf(message);
  return id === undefined || loseId ? { type: 'malformed', of, error } : { type: 'malformed', of, id, error };
}

/** Wrapper of a connection's handler that applies a plan's faults to what it receives. */
export class FaultyHandler implements ConnectionHandler {
  readonly #handler: ConnectionHandler;
  readonly #place: Omit<FaultPlace, 'index'>;
  readonly #plan: FaultPlan;
  // messages behind a delayed one of the same request
  readonly #behind = new Map<RequestId | undefined, Received[]>();
  readonly #timers = new Set<TimerHandle>();
  #index = 0;

  constructor(handler: ConnectionHandler, place: Omit<FaultPlace, 'index'>, plan: FaultPlan) {
    this.#handler = handler;
    this.#place = place;
    this.#plan = plan;
  }

  onMessage(message: Received, encoded?: EncodedMessage): void {
    const fault = this.#plan.message?.(message, { ...this.#place, index: this.#index });
    this.#index += 1;
    for (const arriving of this.#apply(fault, message)) {
      const waiting = this.#behind.get(requestOf(arriving));
      if (waiting === undefined) this.#handler.onMessage(arriving, arriving === message ? encoded : undefined);
      else waiting.push(arriving);
    }
  }

  #apply(fault: Fault | undefined, message: Received): readonly Received[] {
    switch (fault?.do) {
      case 'drop':
        return [];
      case 'duplicate':
        return [message, message];
      case 'malform':
        return [malformed(message, fault.loseId ?? false)];
      case 'cut':
        this.#place.connection.abort(new AgentwireError('ERR_CLOSED', 'the connection was cut by a fault'));
        return [];
      case 'delay':
        return this.#delay(message, fault.ms);
      default:
        return [message];
    }
  }

  #delay(message: Received, ms: number): readonly Received[] {
    const key = requestOf(message);
    if (this.#behind.has(key)) return [message];
    this.#behind.set(key, [message]);
    const timer = this.#plan.clock.setTimeout(() => {
      this.#timers.delete(timer);
      const waiting = this.#behind.get(key) ?? [];
      this.#behind.delete(key);
      for (const late of waiting) {
        if (this.#place.connection.status !== 'closed') this.#handler.onMessage(late);
      }
    }, ms);
    this.#timers.add(timer);
    return [];
  }

  onDrain(): void {
    this.#handler.onDrain?.();
  }

  onClose(reason: CloseReason): void {
    for (const timer of this.#timers) this.#plan.clock.clearTimeout(timer);
    this.#behind.clear();
    this.#handler.onClose(reason);
  }
}
