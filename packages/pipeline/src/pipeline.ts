import type {
  HeaderOp,
  RequestComplete,
  RequestHeaders,
  RequestId,
  ResponseHeaders,
  WebSocketFrame,
} from '@agentwire/core';
import type { FailureKind } from '@agentwire/pool';
import { AgentCalls, type NotedAudit } from './agent-calls.ts';
import type { BodyFilter } from './body/body-filter.ts';
import { type BodyProgress, requestBodyFilter, responseBodyFilter } from './body/judged-body.ts';
import { type JudgedHead, judgeRequest } from './head/judge-request.ts';
import { judgeResponse, someTakesResponses } from './head/judge-response.ts';
import { judgeFrame, someTakesFrames } from './judge-frame.ts';
import type { ResolvedPipelineOptions } from './pipeline-options.ts';
import type { Shadows } from './shadows.ts';
import type { TrailerFilter } from './trailers.ts';

/**
 * One request's way through the agents: asks them about the request and its response, step by step, and collects their changes.
 *
 * Call {@link onRequest} with the head, {@link requestBody} where it names agents that want the body, then {@link onResponse}
 * and {@link responseBody} the same way; at the end {@link complete}, or {@link cancel} as soon as the client leaves, once.
 */
export class Pipeline {
  readonly #calls: AgentCalls;
  readonly #steps: ResolvedPipelineOptions['steps'];
  readonly #maxChunkBytes: number;
  /** Changes of the request's head that agents decided with its body, until the head is sent. */
  readonly requestOps: HeaderOp[] = [];
  /** Changes of the response that agents decided with the request. */
  readonly responseOps: HeaderOp[] = [];

  /**
   * @param traceparent span that the events belong under; agents see it as `traceparent` of the request
   */
  constructor(options: ResolvedPipelineOptions, traceparent?: string) {
    this.#calls = new AgentCalls(options, traceparent);
    this.#steps = options.steps;
    this.#maxChunkBytes = options.maxChunkBytes;
  }

  /** `true` where there is an agent. */
  get asks(): boolean {
    return this.#steps.length > 0;
  }

  /** `true` where an agent takes responses. */
  get judgesResponses(): boolean {
    return someTakesResponses(this.#calls.pool, this.#steps);
  }

  /** `true` where an agent takes the frames of WebSockets, to decide on them or to observe them. */
  get judgesFrames(): boolean {
    return someTakesFrames(this.#calls.pool, this.#steps);
  }

  /** Agents that observe the request; `undefined` where none does. */
  get shadows(): Shadows | undefined {
    return this.#calls.shadows;
  }

  /** Time spent waiting for agents, in milliseconds. */
  get waitedMs(): number {
    return this.#calls.waitedMs;
  }

  /** Last failure of an agent that a policy decided for. */
  get failure(): { readonly agent: string; readonly kind: FailureKind } | undefined {
    return this.#calls.failure;
  }

  /** Agents whose decision came from the pool's cache; `undefined` where none did. */
  get cached(): readonly string[] | undefined {
    return this.#calls.cached;
  }

  /** Texts in the audits of all decisions so far, of several at most 16 of each kind; `undefined` where there is none. */
  get noted(): NotedAudit | undefined {
    return this.#calls.noted;
  }

  /** Notes what agents change, where trailers may pass. */
  get trailers(): TrailerFilter | undefined {
    return this.#calls.trailers;
  }

  set trailers(filter: TrailerFilter | undefined) {
    this.#calls.trailers = filter;
  }

  /**
   * Asks every agent about the head; each sees what the ones before it have changed.
   *
   * @returns the headers to send on and the agents that want the body
   * @throws Refusal at the first that does not allow it; AgentwireError `ERR_INVALID_HEADER` for a change that HTTP forbids
   */
  onRequest(received: RequestHeaders): Promise<JudgedHead> {
    return judgeRequest(this.#calls, this.#steps, received, this.responseOps);
  }

  /** Asks about the response's head, as {@link onRequest} does about the request's. */
  onResponse(head: ResponseHeaders): Promise<JudgedHead> {
    return judgeResponse(this.#calls, this.#steps, head, this.responseOps);
  }

  /** Returns the filter of the request's body. Changes of the head go to {@link requestOps}, of the response to {@link responseOps}. */
  requestBody(id: RequestId, agents: readonly string[], progress: BodyProgress): BodyFilter {
    const [calls, maxChunkBytes] = [this.#calls, this.#maxChunkBytes];
    const { responseOps } = this;
    return requestBodyFilter({ calls, id, agents, maxChunkBytes, progress, responseOps }, this.requestOps);
  }

  /**
   * Returns the filter of the response's body.
   *
   * @param ops gets the changes of the head, until it is sent
   */
  responseBody(id: RequestId, agents: readonly string[], ops: HeaderOp[], progress: BodyProgress): BodyFilter {
    const [calls, maxChunkBytes] = [this.#calls, this.#maxChunkBytes];
    return responseBodyFilter({ calls, id, agents, maxChunkBytes, progress, responseOps: ops });
  }

  /**
   * Asks every agent that takes frames, until one does not allow it. Agents that observe are shown it and not waited for. A budget is for
   * one frame: a WebSocket may last for days.
   *
   * @returns whether the frame passes; `false` where an agent drops it
   * @throws Refusal where an agent closes the WebSocket, or its failure policy blocks
   */
  judgeFrame(frame: WebSocketFrame): Promise<boolean> {
    return judgeFrame(this.#calls, this.#steps, frame);
  }

  /** Sends the end of the request to every agent that knows it, or takes all ends. */
  complete(id: string, summary: Omit<RequestComplete, 'type' | 'id' | 'error'>, error?: string): void {
    const { status, durationMs, requestBodySize, responseBodySize, upstreamAttempts } = summary;
    // no spread: it costs more than all else here
    const complete: Omit<RequestComplete, 'type'> =
      error === undefined
        ? { id, status, durationMs, requestBodySize, responseBodySize, upstreamAttempts }
        : { id, status, durationMs, requestBodySize, responseBodySize, upstreamAttempts, error };
    const { pool, decided, shadows } = this.#calls;
    shadows?.complete(decided, complete);
    this.#forEachAgent((agent) => pool.sendRequestComplete(agent, complete));
  }

  /** Cancels the request at every agent that knows it. Events without an answer fail with `ERR_ABORTED`, and so do later ones. */
  cancel(id: string): void {
    const { pool, shadows, cancelled } = this.#calls;
    if (cancelled) return;
    this.#calls.cancelled = true;
    shadows?.cancel();
    // an agent that was removed from the pool meanwhile was told
    this.#forEachAgent((agent) => void pool.cancelRequest(agent, id).catch(() => undefined));
  }

  #forEachAgent(notify: (agent: string) => unknown): void {
    for (const step of this.#steps) {
      for (const agent of step) {
        if (this.#calls.observes(agent)) continue;
        try {
          notify(agent);
        } catch {
          // removed from the pool meanwhile, which told it
        }
      }
    }
  }
}
