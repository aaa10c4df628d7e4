import { AgentwireError, type Audit, type Decision, type ProxyEvent, type RequestHeaders } from '@agentwire/core';
import type { FailureKind, PoolAskOptions } from '@agentwire/pool';
import { failureKindOf, isCachedDecision } from '@agentwire/pool/internal';
import type { AgentDirectory, ResolvedPipelineOptions } from './pipeline-options.ts';
import { shadowsOf, type Shadows } from './shadows.ts';
import type { TrailerFilter } from './trailers.ts';

type Question = Exclude<ProxyEvent, { type: 'requestComplete' }>;

/** Texts in the audits of a request's decisions. */
export type NotedAudit = Pick<Audit, 'ruleIds' | 'tags' | 'reasonCodes'>;

/** Texts of one kind that are kept of several decisions: a body or a WebSocket has any number of them. */
const MAX_NOTED = 16;

/** Returns the texts of both, each once. */
function together(noted: readonly string[] = [], texts: readonly string[] = []): readonly string[] {
  const isKnown = noted.length >= MAX_NOTED || texts.every((text) => noted.includes(text));
  return isKnown ? noted : [...new Set([...noted, ...texts])].slice(0, MAX_NOTED);
}

/** Calls of one request to its agents: with the time that each of them has, and notes of what they decided. */
export class AgentCalls {
  readonly pool: AgentDirectory;
  readonly #settings: ResolvedPipelineOptions['agentSettings'];
  readonly #options: PoolAskOptions;
  readonly #clock: ResolvedPipelineOptions['clock'];
  /** Agents that observe the request; `undefined` where none does. */
  readonly shadows: Shadows | undefined;
  /** Notes what agents change, where trailers may pass. */
  trailers: TrailerFilter | undefined;
  /** Time during which at least one agent was asked, in milliseconds: agents of a group are waited for together. */
  waitedMs = 0;
  /** Agents that are asked now, and since when there is one. */
  #asking = 0;
  #askingSince = 0;
  /** Last failure of an agent that a policy decided for. */
  failure: { readonly agent: string; readonly kind: FailureKind } | undefined;
  /** Agents whose decision came from the pool's cache; `undefined` where none did. */
  cached: string[] | undefined;
  /** Texts in the audits of the decisions so far, of several at most 16 of each kind; `undefined` where there is none. */
  noted: NotedAudit | undefined;
  /** Verdict that ended the request, else `allow`. */
  decided = 'allow';
  /** `true` once the request was cancelled: no agent is asked any more. */
  cancelled = false;
  /** Time that agents with a budget have used, in milliseconds. */
  #spentMs: Map<string, number> | undefined;

  constructor(options: ResolvedPipelineOptions, traceparent: string | undefined) {
    const { pool, clock, agentSettings, decisionTimeoutMs } = options;
    this.pool = pool;
    this.#clock = clock;
    this.#settings = agentSettings;
    if (agentSettings !== undefined) this.shadows = shadowsOf(agentSettings, options);
    // every request ends with the pipeline's complete or cancel, however long it lasts
    this.#options = { keep: true, timeoutMs: decisionTimeoutMs, traceparent };
  }

  /** Span that the events belong under. */
  get traceparent(): string | undefined {
    return this.#options.traceparent;
  }

  /** @throws AgentwireError `ERR_ABORTED` once the request was cancelled: an agent that was asked then would not be told of its end */
  checkLive(): void {
    if (this.cancelled) throw new AgentwireError('ERR_ABORTED', 'the request was cancelled');
  }

  /** Notes that an agent is asked. @returns the time now */
  beginWait(): number {
    const now = this.#clock.now();
    if (this.#asking === 0) this.#askingSince = now;
    this.#asking += 1;
    return now;
  }

  /** Notes that an agent has answered, or failed. @returns the time now */
  endWait(): number {
    const now = this.#clock.now();
    this.#asking -= 1;
    if (this.#asking === 0) this.waitedMs += now - this.#askingSince;
    return now;
  }

  /**
   * Asks one agent about one event, and counts the time.
   *
   * @param needed whether the agent's failure fails the request, whatever its policy is
   * @throws AgentwireError `ERR_ABORTED` once the request was cancelled
   */
  async ask(agent: string, question: Question, needed = false): Promise<Decision> {
    this.checkLive();
    const since = this.beginWait();
    const usual = this.#settings === undefined ? this.#options : this.#optionsOf(agent);
    const options = needed && usual !== undefined ? { ...usual, onFailure: 'closed' as const } : usual;
    try {
      const decision =
        options === undefined
          ? this.#overBudget(agent, question, needed)
          : await this.pool.decide(agent, question, options);
      if (decision.verdict.type !== 'allow') this.decided = decision.verdict.type;
      if (decision.audit !== undefined) this.noteAudit(agent, decision);
      this.trailers?.note(decision);
      return decision;
    } finally {
      const now = this.endWait();
      if (this.#spentMs !== undefined) this.#spentMs.set(agent, (this.#spentMs.get(agent) ?? 0) + now - since);
    }
  }

  /** Notes the audit of a decision, and one that the agent itself did not make. */
  noteAudit(agent: string, decision: Decision): Decision {
    const kind = failureKindOf(decision);
    if (kind !== undefined) this.failure = { agent, kind };
    else if (isCachedDecision(decision)) (this.cached ??= []).push(agent);
    const { ruleIds, tags, reasonCodes } = decision.audit ?? {};
    if (ruleIds === undefined && tags === undefined && reasonCodes === undefined) return decision;
    const { noted } = this;
    // most requests have one decision with an audit, which is not copied
    this.noted =
      noted === undefined
        ? decision.audit
        : {
            ruleIds: together(noted.ruleIds, ruleIds),
            tags: together(noted.tags, tags),
            reasonCodes: together(noted.reasonCodes, reasonCodes),
          };
    return decision;
  }

  /** Returns the options for the next event to an agent; `undefined` once its budget is used up. */
  #optionsOf(agent: string): PoolAskOptions | undefined {
    const settings = this.#settings?.get(agent);
    if (settings === undefined) return this.#options;
    const { timeoutMs = this.#options.timeoutMs, budgetMs, onFailure } = settings;
    if (budgetMs === undefined) return { ...this.#options, timeoutMs, onFailure };
    this.#spentMs ??= new Map();
    const restMs = budgetMs - (this.#spentMs.get(agent) ?? 0);
    return restMs <= 0 ? undefined : { ...this.#options, timeoutMs: Math.min(restMs, timeoutMs ?? restMs), onFailure };
  }

  /** Returns the options for one event of an agent whose budget is for each event. */
  optionsOfOne(agent: string): PoolAskOptions {
    const settings = this.#settings?.get(agent);
    if (settings === undefined) return this.#options;
    const { timeoutMs = this.#options.timeoutMs, budgetMs = Infinity, onFailure } = settings;
    const restMs = Math.min(timeoutMs ?? Infinity, budgetMs);
    return { ...this.#options, timeoutMs: restMs === Infinity ? undefined : restMs, onFailure };
  }

  /** Returns the decision of an agent's failure policy once its budget is used up. */
  #overBudget(agent: string, { type, id }: Question, needed: boolean): Decision {
    const { budgetMs, onFailure } = this.#settings?.get(agent) ?? {};
    const error = new AgentwireError('ERR_TIMEOUT', `${agent} has used up its ${budgetMs} ms for one request`);
    return this.pool.decideFailure(agent, type, error, needed ? 'closed' : onFailure, id);
  }

  /** Returns the decision of an agent's failure policy for header operations that came after their head was sent. */
  tooLate(agent: string, { type, id }: Pick<Question, 'type' | 'id'>, head: 'request' | 'response'): Decision {
    const message = `${agent} changed the head of the ${head} after that had been sent; decide them with the first chunk, or buffer the body`;
    const error = new AgentwireError('ERR_TOO_LATE', message);
    const { onFailure } = this.#settings?.get(agent) ?? {};
    return this.noteAudit(agent, this.pool.decideFailure(agent, type, error, onFailure, id));
  }

  /** Returns whether an agent is shown events and not waited for. */
  observes(agent: string): boolean {
    return this.shadows !== undefined && this.#settings?.get(agent)?.mode === 'observe';
  }

  /** Returns the agents of a step that are obeyed; the others are shown the event and not waited for. */
  obeyed(step: readonly string[], event: RequestHeaders): readonly string[] {
    const { shadows } = this;
    if (shadows === undefined) return step;
    for (const agent of step) if (this.observes(agent)) shadows.head(agent, event);
    return step.filter((agent) => !this.observes(agent));
  }
}
