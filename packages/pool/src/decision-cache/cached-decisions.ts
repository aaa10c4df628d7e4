import type { Decision, ProxyEvent, RequestHead } from '@agentwire/core';
import { checkHeaderLines, completeEvent, nearVaryWord } from '@agentwire/core/internal';
import type { AgentConnections } from '../agent/agent-connections.ts';
import type { AgentRequests } from '../agent/agent-requests.ts';
import type { ResolvedPoolOptions } from '../options.ts';
import {
  checkAskOptions,
  checkEvent,
  endsRequest,
  LATER_BITS,
  namesOf,
  type PoolAskOptions,
  type Question,
} from '../question.ts';
import { DecisionCache } from './decision-cache.ts';

/** Parts of an agent that {@link CachedDecisions} uses. */
export interface CachedDecisionsDeps {
  readonly agent: string;
  readonly options: ResolvedPoolOptions;
  readonly connections: AgentConnections;
  readonly requests: AgentRequests;
}

/**
 * Decisions of one agent that the agent itself allows to be given again: final ones on heads of requests. A connection that came or
 * went, and a configuration, empty it, because another process, or another configuration, may decide differently.
 */
export class CachedDecisions {
  /** Events that it decided. */
  hits = 0;
  #hasWarned = false;
  readonly #agent: string;
  readonly #cache: DecisionCache;
  readonly #connections: AgentConnections;
  readonly #requests: AgentRequests;
  readonly #options: ResolvedPoolOptions;

  constructor(
    settings: NonNullable<ResolvedPoolOptions['decisionCache']>,
    { agent, options, connections, requests }: CachedDecisionsDeps,
  ) {
    this.#agent = agent;
    this.#cache = new DecisionCache(settings, options.clock);
    this.#connections = connections;
    this.#requests = requests;
    this.#options = options;
  }

  /** Returns the kept decision on an event, or that of the agent, which is kept where the agent and the protocol allow it. */
  ask(question: Question, options: PoolAskOptions | undefined, send: () => Promise<Decision>): Promise<Decision> {
    try {
      checkEvent(question);
      if (question.type === 'configure') return this.#configure(send);
      if (!isCacheable(question, options)) return this.#warnsOfBody(question, options) ? this.#watch(send) : send();
      const found = this.#find(question, options);
      return found === undefined ? this.#keep(question, send) : Promise.resolve(found);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #find(question: RequestHead, options: PoolAskOptions | undefined): Decision | undefined {
    if (this.#cache.size === 0) return undefined;
    // errors of the caller are those that it gets where the agent is asked
    if (this.#requests.router.refusal !== undefined || this.#requests.knows(question.id)) return undefined;
    checkAskOptions(options);
    completeEvent(question as ProxyEvent, this.#options.clock);
    checkHeaderLines(question.headers, 'headers');
    const decision = this.#cache.find(question);
    if (decision === undefined) return undefined;
    this.hits += 1;
    const labels = { agent: this.#agent, decision: decision.verdict.type };
    this.#options.metrics.count('agent_cached_decisions_total', labels);
    return decision;
  }

  #keep(question: RequestHead, send: () => Promise<Decision>): Promise<Decision> {
    const { generation } = this.#cache;
    // the caller may change its event while the agent decides
    const head: RequestHead = { ...question, metadata: { ...question.metadata }, headers: [...question.headers] };
    return send().then((decision) => {
      if (decision.cache === undefined) return decision;
      if (!this.#isFinal(decision)) this.#warnOfLaterEvents(decision);
      else if (generation === this.#cache.generation) this.#store(head, decision, decision.cache.vary);
      return decision;
    });
  }

  /** Stores a decision, but none with a misspelt word: it would be given to requests that it is not for. */
  #store(head: RequestHead, decision: Decision, vary: readonly string[]): void {
    const wrong = vary.find((name) => nearVaryWord(name) !== undefined);
    if (wrong === undefined) return this.#cache.store(head, decision);
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const instead = nearVaryWord(wrong);
    this.#options.logger.warn(
      { agent: this.#agent, name: wrong, instead },
      'decisions of an agent are not cached: a name in vary is neither a word nor a header of requests',
    );
  }

  /** Warns once of an agent whose decisions could be kept if it took fewer events. */
  #warnOfLaterEvents(decision: Decision): void {
    const { later, takes } = this.#connections;
    if (this.#hasWarned || decision.needsMore === true || endsRequest(decision, later)) return;
    this.#hasWarned = true;
    this.#options.logger.warn(
      { agent: this.#agent, events: namesOf(takes & LATER_BITS) },
      'decisions of an agent are not cached: it takes events that come after the head; serve what it caches as an agent of its own',
    );
  }

  /** Returns whether it is to be told that a head cannot be cached because it does not say if a body follows. */
  #warnsOfBody(question: Question, options: PoolAskOptions | undefined): boolean {
    if (this.#hasWarned || question.type !== 'requestHeaders' || options?.fresh === true) return false;
    return options?.stickySession === undefined && typeof question.hasBody !== 'boolean';
  }

  /** Warns once of a decision that is not kept only because its head does not tell whether a body follows. */
  async #watch(send: () => Promise<Decision>): Promise<Decision> {
    const decision = await send();
    if (decision.cache === undefined || this.#hasWarned || !this.#isFinal(decision)) return decision;
    this.#hasWarned = true;
    this.#options.logger.warn(
      { agent: this.#agent },
      'decisions of an agent are not cached: its events do not say with hasBody whether a body follows',
    );
    return decision;
  }

  /** Sends a configuration: what was decided before it was applied is not kept. */
  #configure(send: () => Promise<Decision>): Promise<Decision> {
    this.clear();
    return send().finally(() => this.clear());
  }

  /** Returns whether no other event of the request reaches the agent, and every connection negotiated the feature. */
  #isFinal(decision: Decision): boolean {
    const { later, mixed, pooled } = this.#connections;
    const { requestBodyMutation, responseBodyMutation, webSocket, error, needsMore } = decision;
    const isOnHead = (requestBodyMutation ?? responseBodyMutation ?? webSocket ?? error) === undefined;
    if (!isOnHead || needsMore === true || mixed || !endsRequest(decision, later)) return false;
    return pooled.every(({ session }) => session === undefined || session.connection.peer.features.includes('cache'));
  }

  /** Removes expired decisions. */
  sweep(): void {
    this.#cache.sweep();
  }

  /** Forgets every decision, also those that agents are being asked for. */
  clear(): void {
    this.#cache.clear();
  }
}

/**
 * Returns whether an event may be decided by a kept decision: the head of a request of which it is known whether a body follows, outside of
 * sticky sessions, whose instance may have state.
 */
function isCacheable(question: Question, options: PoolAskOptions | undefined): question is RequestHead {
  if (question.type !== 'requestHeaders' || options?.fresh === true || options?.stickySession !== undefined)
    return false;
  return typeof question.hasBody === 'boolean' && Array.isArray(question.headers);
}
