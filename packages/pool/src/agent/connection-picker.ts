import { AgentwireError } from '@agentwire/core';
import { createStrategy } from '../balancing/strategy-option.ts';
import type { LoadBalanceStrategy } from '../balancing/strategy.ts';
import type { ResolvedPoolOptions } from '../options.ts';
import type { Question } from '../question.ts';
import type { AgentConnections } from './agent-connections.ts';
import { namesOf } from '../question.ts';
import type { StickySession } from './sticky-sessions.ts';
import type { PooledConnection } from './pooled-connection.ts';

/** Shortest time between two early reconnect attempts that requests trigger, in milliseconds; the backoff continues beside it. */
const RECONNECT_EVERY_MS = 250;

/** Picks the connection of an agent for each new request. */
export class ConnectionPicker {
  readonly #agent: string;
  readonly #endpoint: string;
  readonly #options: ResolvedPoolOptions;
  readonly #connections: AgentConnections;
  readonly #strategy: LoadBalanceStrategy;
  readonly #isDefault: boolean;
  readonly #usable: PooledConnection[] = [];
  #reconnectedAt = -Infinity;
  /** Set where the last pick gave nothing because of a pause that the flow-control mode waits for. */
  waitsForResume = false;

  constructor(agent: string, endpoint: string, options: ResolvedPoolOptions, connections: AgentConnections) {
    this.#agent = agent;
    this.#endpoint = endpoint;
    this.#options = options;
    this.#connections = connections;
    this.#isDefault = options.loadBalanceStrategy === 'leastConnections';
    this.#strategy = createStrategy(options.loadBalanceStrategy, options.logger);
  }

  /**
   * Picks a connection for a new request by its first event, which has this bit; 0 matches every connection.
   *
   * @returns `undefined` when all are busy
   * @throws AgentwireError when none is up
   */
  pick(bit: number, event: Question, sticky?: StickySession): PooledConnection | undefined {
    const { pooled, fitness, limit } = this.#connections;
    if (fitness.avoided > 0) fitness.update();
    const full = limit !== undefined && this.#connections.inFlight >= limit.current;
    const picked = full || sticky !== undefined ? undefined : this.#pickUnlisted(bit, event);
    if (picked !== undefined) return picked;
    const usable = this.#usable;
    usable.length = 0;
    if (!full) for (const one of pooled) if (!one.avoided && one.usable(bit)) usable.push(one);
    if (usable.length === 0 && !full && fitness.avoided > 0) this.#useAvoided(bit);
    if (usable.length === 0) {
      this.#throwIfHopeless(bit);
      return undefined;
    }
    if (sticky !== undefined) return this.#pickSticky(event, sticky);
    return usable.length === 1 ? usable[0] : this.#strategy.pick(usable, event);
  }

  /** Picks a connection without a list of those that can take the request, which is 150 bytes of garbage; `undefined` where one is needed. */
  #pickUnlisted(bit: number, event: Question): PooledConnection | undefined {
    const { pooled, sharesProcess } = this.#connections;
    const [only] = pooled;
    // nothing to choose, so nothing to compare
    if (pooled.length < 2) return only?.avoided === false && only.usable(bit) ? only : undefined;
    if (sharesProcess && this.#isDefault) {
      for (const one of pooled) if (!one.avoided && one.usable(bit, true)) return one;
    }
    // with 1 000 agents a connection is not in the processor's caches: looking at one instead of four saves half of the time
    const preferred = this.#strategy.prefer?.(pooled, event);
    if (preferred !== undefined && !preferred.avoided && preferred.usable(bit)) return preferred;
    for (const one of pooled) if (one.avoided || !one.usable(bit)) return undefined;
    return this.#strategy.pick(pooled, event);
  }

  /** Picks the connection of a sticky session; another one while that is full, and for good once it takes no new requests. */
  #pickSticky(event: Question, sticky: StickySession): PooledConnection {
    const bound = sticky.connection;
    if (bound !== undefined && this.#usable.includes(bound)) return bound;
    const picked = this.#strategy.pick(this.#usable, event);
    if (bound === undefined || !bound.isOpen || bound.avoided) sticky.connection = picked;
    return picked;
  }

  /** Takes avoided connections where no other one takes such requests: a busy one is waited for. */
  #useAvoided(bit: number): void {
    const { pooled } = this.#connections;
    if (pooled.some(({ avoided, isOpen, takes }) => !avoided && isOpen && (takes & bit) === bit)) return;
    for (const connection of pooled) if (connection.usable(bit)) this.#usable.push(connection);
  }

  /** Picks a connection for a message without an answer, which a busy one can take too; `undefined` when none is up. */
  pickForNotice(bit: number): PooledConnection | undefined {
    let best: PooledConnection | undefined;
    for (const connection of this.#connections.pooled) {
      if (connection.session?.connection.status !== 'open' || (connection.takes & bit) !== bit) continue;
      if (best === undefined || connection.pending < best.pending) best = connection;
    }
    return best;
  }

  /** Throws unless a connection that takes such requests is up and merely busy, or is being replaced. */
  #throwIfHopeless(bit: number): void {
    let draining = false;
    let paused = false;
    this.waitsForResume = false;
    for (const { session, takes, state, isDraining } of this.#connections.pooled) {
      if (state === 'replacing') return;
      if (isDraining) draining = true;
      if (session?.connection.status !== 'open' || (takes & bit) !== bit) continue;
      if (session.draining) draining = true;
      else if (session.paused) paused = true;
      else return;
    }
    if (paused) {
      this.waitsForResume = this.#options.flowControlMode === 'waitAndRetry';
      if (this.waitsForResume) return;
      throw new AgentwireError('ERR_FLOW_PAUSED', `${this.#agent} asked for a pause`);
    }
    if (draining) throw new AgentwireError('ERR_DRAINING', `${this.#agent} is draining`);
    if (this.#connections.up > 0)
      throw new AgentwireError('ERR_CONNECT', `no connection of ${this.#agent} takes ${namesOf(bit)}`);
    this.#reconnectOne();
    const { lastError } = this.#connections;
    const why = lastError === undefined ? '' : `: ${lastError.message}`;
    throw new AgentwireError('ERR_CONNECT', `${this.#agent} is not connected (${this.#endpoint})${why}`, {
      cause: lastError,
    });
  }

  /** Triggers one early reconnect attempt, rate-limited. */
  #reconnectOne(): void {
    const now = this.#options.clock.now();
    if (now - this.#reconnectedAt < RECONNECT_EVERY_MS) return;
    if (this.#connections.pooled.some((connection) => connection.life.reconnectNow())) this.#reconnectedAt = now;
  }
}
