import {
  AgentwireError,
  type Decision,
  type HeaderList,
  type HeaderOp,
  type ProxyEvent,
  type RequestComplete,
  type RequestHeaders,
  type RequestId,
  type RequestMetadata,
  type WebSocketFrame,
  type ResponseHeaders,
} from '@agentwire/core';
import { HeaderMap, names } from '@agentwire/headers';
import type { FailureKind, PoolAskOptions } from '@agentwire/pool';
import { failureKindOf, isCachedDecision } from '@agentwire/pool/internal';
import { BodyFilter } from './body/body-filter.ts';
import { applyAgentOps } from './header-ops.ts';
import type { AgentDirectory, ResolvedPipelineOptions } from './pipeline-options.ts';
import { Refusal } from './refusal.ts';
import { frameVerdict } from './shadow.ts';
import { shadowsOf, type Shadows } from './shadows.ts';
import type { TrailerFilter } from './trailers.ts';

const NO_BYTES = new Uint8Array(0);

type Question = Exclude<ProxyEvent, { type: 'requestComplete' }>;

/** Returns metadata with the host that an earlier agent has set: the upstream gets that one. */
function metadataFor({ metadata }: RequestHeaders, headers: HeaderList): RequestMetadata {
  const serverName = new HeaderMap(headers).get(names.HOST) ?? metadata.serverName;
  return serverName === metadata.serverName ? metadata : { ...metadata, serverName };
}

/** Head as the agents passed it. */
export interface JudgedHead {
  readonly headers: HeaderList;
  /** Agents that want the body, in the order they are asked. */
  readonly wantBody: readonly string[];
}

/** Progress of a message whose body agents read. */
export interface BodyProgress {
  /** `true` once the request's head was sent to the upstream. */
  readonly requestSent?: boolean;
  /** `true` once the response's head was sent to the client, or for a request: once the upstream has answered. */
  readonly responseSent: boolean;
}

/**
 * One request's way through the agents: asks them about the request and its response, step by step, and collects their changes.
 *
 * Call {@link onRequest} with the head, {@link requestBody} where it names agents that want the body, then {@link onResponse}
 * and {@link responseBody} the same way; at the end {@link complete} or {@link cancel}, once.
 */
export class Pipeline {
  readonly #pool: AgentDirectory;
  readonly #steps: ResolvedPipelineOptions['steps'];
  readonly #maxChunkBytes: number;
  readonly #settings: ResolvedPipelineOptions['agentSettings'];
  readonly #options: PoolAskOptions;
  readonly #clock: ResolvedPipelineOptions['clock'];
  /** Changes of the request's head that agents decided with its body, until the head is sent. */
  readonly requestOps: HeaderOp[] = [];
  /** Changes of the response that agents decided with the request. */
  readonly responseOps: HeaderOp[] = [];
  /** Time spent waiting for agents, in milliseconds. */
  waitedMs = 0;
  /** Notes what agents change, where trailers may pass. */
  trailers: TrailerFilter | undefined;
  /** Agents that observe the request; `undefined` where none does. */
  readonly shadows: Shadows | undefined;
  /** Last failure of an agent that a policy decided for. */
  failure: { readonly agent: string; readonly kind: FailureKind } | undefined;
  /** Agents whose decision came from the pool's cache; `undefined` where none did. */
  cached: string[] | undefined;
  /** Verdict that ended the request, else `allow`. */
  #decided = 'allow';
  /** Time that agents with a budget have used, in milliseconds. */
  #spentMs: Map<string, number> | undefined;

  /**
   * @param signal aborts when the client leaves; `undefined` where there are no agents, which is all that it ends
   * @param traceparent span that the events belong under; agents see it as `traceparent` of the request
   */
  constructor(options: ResolvedPipelineOptions, signal: AbortSignal | undefined, traceparent?: string) {
    this.#pool = options.pool;
    this.#steps = options.steps;
    this.#clock = options.clock;
    this.#maxChunkBytes = options.maxChunkBytes;
    this.#settings = options.agentSettings;
    const { decisionTimeoutMs } = options;
    if (this.#settings !== undefined) this.shadows = shadowsOf(this.#settings, options);
    // every request ends with complete or cancel below, however long it lasts
    this.#options = {
      signal,
      keep: true,
      ...(decisionTimeoutMs !== undefined && { timeoutMs: decisionTimeoutMs }),
      ...(traceparent !== undefined && { traceparent }),
    };
  }

  /** Asks one agent about one event, and counts the time. */
  async #ask(agent: string, question: Question): Promise<Decision> {
    const since = this.#clock.now();
    const options = this.#settings === undefined ? this.#options : this.#optionsOf(agent);
    try {
      const decision =
        options === undefined ? this.#overBudget(agent, question) : await this.#pool.decide(agent, question, options);
      if (decision.verdict.type !== 'allow') this.#decided = decision.verdict.type;
      if (decision.audit !== undefined) this.#noteSource(agent, decision);
      this.trailers?.note(decision);
      return decision;
    } finally {
      const took = this.#clock.now() - since;
      this.waitedMs += took;
      if (this.#spentMs !== undefined) this.#spentMs.set(agent, (this.#spentMs.get(agent) ?? 0) + took);
    }
  }

  /** Notes a decision that the agent itself did not make. */
  #noteSource(agent: string, decision: Decision): Decision {
    const kind = failureKindOf(decision);
    if (kind !== undefined) this.failure = { agent, kind };
    else if (isCachedDecision(decision)) (this.cached ??= []).push(agent);
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

  /** Returns the decision of an agent's failure policy once its budget is used up. */
  #overBudget(agent: string, { type, id }: Question): Decision {
    const { budgetMs, onFailure } = this.#settings?.get(agent) ?? {};
    const error = new AgentwireError('ERR_TIMEOUT', `${agent} has used up its ${budgetMs} ms for one request`);
    return this.#pool.decideFailure(agent, type, error, onFailure, id);
  }

  /** Returns the agents of a step that are obeyed; the others are shown the event and not waited for. */
  #obeyed(step: readonly string[], event: RequestHeaders): readonly string[] {
    const { shadows } = this;
    if (shadows === undefined) return step;
    for (const agent of step) if (this.#observes(agent)) shadows.head(agent, event);
    return step.filter((agent) => !this.#observes(agent));
  }

  #observes(agent: string): boolean {
    return this.shadows !== undefined && this.#settings?.get(agent)?.mode === 'observe';
  }

  /** Returns the decision of an agent's failure policy for header operations that came after their head was sent. */
  #tooLate(agent: string, { type, id }: Pick<Question, 'type' | 'id'>, head: 'request' | 'response'): Decision {
    const message = `${agent} changed the head of the ${head} after that had been sent; decide them with the first chunk, or buffer the body`;
    const error = new AgentwireError('ERR_TOO_LATE', message);
    const { onFailure } = this.#settings?.get(agent) ?? {};
    return this.#noteSource(agent, this.#pool.decideFailure(agent, type, error, onFailure, id));
  }

  /**
   * Asks every agent about the head; each sees what the ones before it have changed.
   *
   * @returns the headers to send on and the agents that want the body
   * @throws Refusal at the first that does not allow it; AgentwireError `ERR_INVALID_HEADER` for a change that HTTP forbids
   */
  async onRequest(received: RequestHeaders): Promise<JudgedHead> {
    const { traceparent } = this.#options;
    const head =
      traceparent === undefined ? received : { ...received, metadata: { ...received.metadata, traceparent } };
    let headers = head.headers;
    const wantBody: string[] = [];
    for (const step of this.#steps) {
      const event = headers === head.headers ? head : { ...head, headers, metadata: metadataFor(head, headers) };
      for (const [agent, decision] of await this.#askStep(this.#obeyed(step, event), event)) {
        this.responseOps.push(...(decision.responseHeaders ?? []));
        if (decision.verdict.type !== 'allow') throw new Refusal(agent, decision);
        headers = applyAgentOps(headers, decision.requestHeaders ?? []);
        if (decision.needsMore !== true) continue;
        if (head.hasBody === true) wantBody.push(agent);
        else {
          const end = await this.#askAboutNothing(agent, 'requestBodyChunk', head.id);
          this.responseOps.push(...(end.responseHeaders ?? []));
          headers = applyAgentOps(headers, end.requestHeaders ?? []);
        }
      }
    }
    return { headers, wantBody };
  }

  /** Returns the filter of the request's body. Changes of the head go to {@link requestOps}, of the response to {@link responseOps}. */
  requestBody(id: RequestId, agents: readonly string[], progress: BodyProgress): BodyFilter {
    return new BodyFilter({
      agents,
      mutation: 'requestBodyMutation',
      maxChunkBytes: this.#maxChunkBytes,
      ask: (agent, chunk) => this.#ask(agent, { type: 'requestBodyChunk', id, ...chunk }),
      onAllow: ({ requestHeaders = [], responseHeaders = [] }, agent) => {
        if (requestHeaders.length > 0 && progress.requestSent === true)
          return this.#tooLate(agent, { type: 'requestBodyChunk', id }, 'request');
        if (responseHeaders.length > 0 && progress.responseSent)
          return this.#tooLate(agent, { type: 'requestBodyChunk', id }, 'response');
        this.responseOps.push(...responseHeaders);
        this.requestOps.push(...requestHeaders);
        return undefined;
      },
    });
  }

  /**
   * Returns the filter of the response's body.
   *
   * @param ops gets the changes of the head, until it is sent
   */
  responseBody(id: RequestId, agents: readonly string[], ops: HeaderOp[], progress: BodyProgress): BodyFilter {
    return new BodyFilter({
      agents,
      mutation: 'responseBodyMutation',
      maxChunkBytes: this.#maxChunkBytes,
      ask: (agent, chunk) => this.#ask(agent, { type: 'responseBodyChunk', id, ...chunk }),
      onAllow: ({ responseHeaders = [] }, agent) => {
        if (responseHeaders.length > 0 && progress.responseSent)
          return this.#tooLate(agent, { type: 'responseBodyChunk', id }, 'response');
        ops.push(...responseHeaders);
        return undefined;
      },
    });
  }

  /** Sends the end of an empty body to an agent that decides with the body. */
  async #askAboutNothing(
    agent: string,
    type: 'requestBodyChunk' | 'responseBodyChunk',
    id: RequestId,
  ): Promise<Decision> {
    const decision = await this.#ask(agent, { type, id, index: 0, data: NO_BYTES, last: true, totalSize: 0 });
    if (decision.verdict.type !== 'allow') throw new Refusal(agent, decision);
    const { data } = decision[type === 'requestBodyChunk' ? 'requestBodyMutation' : 'responseBodyMutation'] ?? {};
    if (data === undefined || data === null || data.byteLength === 0) return decision;
    throw new AgentwireError(
      'ERR_PROTOCOL',
      `${agent} gave a body of ${data.byteLength} bytes to a ${type === 'requestBodyChunk' ? 'request' : 'response'} that has none`,
    );
  }

  async #askStep(step: readonly string[], event: RequestHeaders): Promise<[string, Decision][]> {
    const [only] = step;
    if (only !== undefined && step.length === 1) return [[only, await this.#ask(only, event)]];
    return Promise.all(step.map(async (agent): Promise<[string, Decision]> => [agent, await this.#ask(agent, event)]));
  }

  /** `true` where there is an agent. */
  get asks(): boolean {
    return this.#steps.length > 0;
  }

  /** `true` where an agent takes responses. */
  get judgesResponses(): boolean {
    for (const step of this.#steps) for (const agent of step) if (this.#judgesResponse(agent)) return true;
    return false;
  }

  /** Returns whether an agent takes responses: an agent that takes bodies only needs the head to ask for them. */
  #judgesResponse(agent: string): boolean {
    const pool = this.#pool;
    return pool.handles(agent, 'responseHeaders') !== false || pool.handles(agent, 'responseBodyChunk') !== false;
  }

  /** `true` where an agent takes the frames of WebSockets, to decide on them or to observe them. */
  get judgesFrames(): boolean {
    return this.#steps.some((step) => step.some((agent) => this.#judgesFrame(agent)));
  }

  #judgesFrame(agent: string): boolean {
    return this.#pool.handles(agent, 'webSocketFrame') !== false;
  }

  /**
   * Asks every agent that takes frames, until one does not allow it. Agents that observe are shown it and not waited for. A budget is for
   * one frame: a WebSocket may last for days.
   *
   * @returns whether the frame passes; `false` where an agent drops it
   * @throws Refusal where an agent closes the WebSocket, or its failure policy blocks
   */
  async judgeFrame(frame: WebSocketFrame): Promise<boolean> {
    const since = this.#clock.now();
    try {
      for (const agent of this.#steps.flat()) {
        if (!this.#judgesFrame(agent)) continue;
        if (this.#observes(agent)) {
          this.shadows?.frame(agent, frame);
          continue;
        }
        const decision = await this.#pool.decide(agent, frame, this.#frameOptions(agent));
        if (decision.audit !== undefined) this.#noteSource(agent, decision);
        const verdict = frameVerdict(decision);
        if (verdict !== 'allow') this.#decided = verdict;
        if (verdict === 'drop') return false;
        if (verdict !== 'allow') throw new Refusal(agent, decision);
      }
      return true;
    } finally {
      this.waitedMs += this.#clock.now() - since;
    }
  }

  #frameOptions(agent: string): PoolAskOptions {
    const settings = this.#settings?.get(agent);
    if (settings === undefined) return this.#options;
    const { timeoutMs = this.#options.timeoutMs, budgetMs = Infinity, onFailure } = settings;
    const restMs = Math.min(timeoutMs ?? Infinity, budgetMs);
    return { ...this.#options, timeoutMs: restMs === Infinity ? undefined : restMs, onFailure };
  }

  /** Asks about the response's head, as {@link onRequest} does about the request's. */
  async onResponse(head: ResponseHeaders): Promise<JudgedHead> {
    let headers = applyAgentOps(head.headers, this.responseOps);
    const wantBody: string[] = [];
    for (const agent of this.#steps.flat()) {
      if (!this.#judgesResponse(agent)) continue;
      if (this.#observes(agent)) {
        this.shadows?.head(agent, { ...head, headers });
        continue;
      }
      const decision = await this.#ask(agent, { ...head, headers });
      if (decision.verdict.type !== 'allow') throw new Refusal(agent, decision);
      headers = applyAgentOps(headers, decision.responseHeaders ?? []);
      if (decision.needsMore !== true) continue;
      if (head.hasBody === true) wantBody.push(agent);
      else {
        const end = await this.#askAboutNothing(agent, 'responseBodyChunk', head.id);
        headers = applyAgentOps(headers, end.responseHeaders ?? []);
      }
    }
    return { headers, wantBody };
  }

  /** Sends the end of the request to every agent that knows it, or takes all ends. */
  complete(id: string, summary: Omit<RequestComplete, 'type' | 'id' | 'error'>, error?: string): void {
    const complete = { id, ...summary, ...(error !== undefined && { error }) };
    this.shadows?.complete(this.#decided, complete);
    this.#forEachAgent((agent) => this.#pool.sendRequestComplete(agent, complete));
  }

  /** Cancels the request at every agent that knows it. */
  cancel(id: string): void {
    this.shadows?.cancel();
    // an agent that was removed from the pool meanwhile was told
    this.#forEachAgent((agent) => void this.#pool.cancelRequest(agent, id).catch(() => undefined));
  }

  #forEachAgent(notify: (agent: string) => unknown): void {
    for (const step of this.#steps) {
      for (const agent of step) {
        if (this.#observes(agent)) continue;
        try {
          notify(agent);
        } catch {
          // removed from the pool meanwhile, which told it
        }
      }
    }
  }
}
