import { AgentwireError } from '@agentwire/core';
import type { LoadBalanceStrategy } from '../load-balancing.ts';
import type { ResolvedPoolOptions } from '../options.ts';
import type { AgentConnections } from './agent-connections.ts';
import { namesOf } from './event-bits.ts';
import type { PooledConnection } from './pooled-connection.ts';

/** How often requests make the pool look for an agent that is not there, in milliseconds; the backoff goes on beside it. */
const HURRY_EVERY_MS = 250;

/** Picks the connection of one agent that gets a new request. */
export class SessionPicker {
  readonly #agent: string;
  readonly #endpoint: string;
  readonly #options: ResolvedPoolOptions;
  readonly #connections: AgentConnections;
  readonly #strategy: LoadBalanceStrategy;
  readonly #usable: PooledConnection[] = [];
  #hurriedAt = -Infinity;

  constructor(agent: string, endpoint: string, options: ResolvedPoolOptions, connections: AgentConnections) {
    this.#agent = agent;
    this.#endpoint = endpoint;
    this.#options = options;
    this.#connections = connections;
    this.#strategy = options.strategy.forAgent();
  }

  /**
   * A connection for a new request whose event has this bit, 0 for one that anybody may get; `undefined` when all are busy.
   *
   * @throws AgentwireError when none is up
   */
  pick(bit: number): PooledConnection | undefined {
    const usable = this.#usable;
    usable.length = 0;
    for (const place of this.#connections.places) if (place.usable(bit)) usable.push(place);
    if (usable.length > 0) return this.#strategy.pick(usable);
    this.#throwIfHopeless(bit);
    return undefined;
  }

  /** The connection for what is not answered, which a busy one can take too; `undefined` when none is up. */
  pickForNotice(bit: number): PooledConnection | undefined {
    let best: PooledConnection | undefined;
    for (const place of this.#connections.places) {
      if (place.session?.connection.status !== 'open' || (place.takes & bit) !== bit) continue;
      if (best === undefined || place.pending < best.pending) best = place;
    }
    return best;
  }

  /** Waiting makes sense only while a connection is up, takes such requests and is merely busy, or is replaced just now. */
  #throwIfHopeless(bit: number): void {
    let draining = false;
    let paused = false;
    for (const { session, takes, retiring, replacing } of this.#connections.places) {
      if (replacing) return;
      if (retiring) draining = true;
      if (session?.connection.status !== 'open' || (takes & bit) !== bit) continue;
      if (session.draining) draining = true;
      else if (session.paused) paused = true;
      else return;
    }
    if (paused) throw new AgentwireError('ERR_FLOW_PAUSED', `${this.#agent} asked for a pause`);
    if (draining) throw new AgentwireError('ERR_DRAINING', `${this.#agent} is draining`);
    this.#hurryOne();
    const { lastError } = this.#connections;
    if (this.#connections.up > 0)
      throw new AgentwireError('ERR_CONNECT', `no connection of ${this.#agent} takes ${namesOf(bit)}`);
    const why = lastError === undefined ? '' : `: ${lastError.message}`;
    throw new AgentwireError('ERR_CONNECT', `${this.#agent} is not connected (${this.#endpoint})${why}`, {
      cause: lastError,
    });
  }

  /** Somebody wants an agent that is not there: one place looks again before its turn. */
  #hurryOne(): void {
    const now = this.#options.clock.now();
    if (now - this.#hurriedAt < HURRY_EVERY_MS) return;
    if (this.#connections.places.some((place) => place.hurry())) this.#hurriedAt = now;
  }
}
