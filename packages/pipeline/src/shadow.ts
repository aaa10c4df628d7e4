import type {
  Decision,
  ProxyEvent,
  RequestComplete,
  RequestHeaders,
  RequestId,
  ResponseHeaders,
  WebSocketFrame,
} from '@agentwire/core';
import type { PoolAskOptions } from '@agentwire/pool';
import type { AgentDirectory } from './pipeline-options.ts';

/** Bytes of bodies that wait for one observing agent, per request; past it the agent is asked about nothing more of this request. */
const MAX_WAITING_BYTES = 4 * 1024 ** 2;
/** Bytes of bodies that wait for observing agents, over all requests of one set of options; past it the request that adds more is asked about no further. */
const MAX_TOTAL_BYTES = 64 * 1024 ** 2;
/** Cost of a frame that waits, beside its data, in bytes. */
const FRAME_BYTES = 256;
const NO_BYTES = new Uint8Array(0);

type BodyType = 'requestBodyChunk' | 'responseBodyChunk';
type Question = Exclude<ProxyEvent, { type: 'requestComplete' }>;

/** Returns the verdict on a frame of a WebSocket: `drop` and `close` beside those on requests. */
export function frameVerdict({ verdict, webSocket }: Decision): string {
  if (verdict.type !== 'allow') return verdict.type;
  return webSocket?.type === 'close' || webSocket?.type === 'drop' ? webSocket.type : 'allow';
}

/** Collaborators of a {@link Shadow}. */
export interface ShadowDeps {
  readonly pool: AgentDirectory;
  readonly agent: string;
  readonly id: RequestId;
  readonly options: PoolAskOptions;
  readonly maxChunkBytes: number;
  /** Bytes that wait, over all requests. */
  readonly total: { waitingBytes: number };
}

interface Body {
  /** Set once the agent asked for chunks, or takes bodies without their heads. */
  wanted: boolean;
  index: number;
}

/**
 * One request as an agent in the mode `observe` sees it: it is asked what it would be asked, one event after the other, while the request goes
 * on without it. What it would have decided is counted beside what was decided; nothing else comes of it.
 */
export class Shadow {
  readonly #deps: ShadowDeps;
  /** Verdict that it would have given; `allow` until it gives another one. */
  #observed = 'allow';
  #over = false;
  /** Set once the request is over: what still comes of its bodies is not asked about. */
  #completed = false;
  #tail: Promise<void> = Promise.resolve();
  #waitingBytes = 0;
  readonly #bodies: Record<BodyType, Body>;

  constructor(deps: ShadowDeps) {
    this.#deps = deps;
    const alone = (head: 'requestHeaders' | 'responseHeaders'): Body => ({ wanted: !this.#handles(head), index: 0 });
    this.#bodies = { requestBodyChunk: alone('requestHeaders'), responseBodyChunk: alone('responseHeaders') };
  }

  /** Asks about a head. */
  head(event: RequestHeaders | ResponseHeaders): void {
    const body = event.type === 'requestHeaders' ? 'requestBodyChunk' : 'responseBodyChunk';
    this.#next(async () => {
      if (this.#handles(event.type)) this.#bodies[body].wanted = (await this.#ask(event))?.needsMore === true;
      if (event.hasBody !== true) await this.#askAboutChunk(body, NO_BYTES, true);
    });
  }

  /** Asks about the next part of a body, in chunks of `maxChunkBytes` at most, where the agent wants it. */
  chunk(type: BodyType, data: Uint8Array, last: boolean): void {
    const { maxChunkBytes } = this.#deps;
    let at = 0;
    for (; data.byteLength - at > maxChunkBytes; at += maxChunkBytes) {
      const part = data.subarray(at, at + maxChunkBytes);
      this.#nextBytes(maxChunkBytes, () => this.#askAboutChunk(type, part, false));
    }
    const rest = data.subarray(at);
    this.#nextBytes(rest.byteLength, () => this.#askAboutChunk(type, rest, last));
  }

  /** Asks about a frame of a WebSocket. One that it would drop counts, and it is asked about the next one. */
  frame(frame: WebSocketFrame): void {
    this.#nextBytes(frame.data.byteLength + FRAME_BYTES, async () => {
      const decision = await this.#ask(frame);
      const verdict = decision === undefined ? 'allow' : frameVerdict(decision);
      if (verdict === 'close') this.#end(verdict);
      else if (verdict === 'drop') this.#observed = verdict;
    });
  }

  /** Asks in turn, while what waits is within its bounds. */
  #nextBytes(bytes: number, ask: () => Promise<void>): void {
    if (this.#over || this.#completed) return;
    const { total } = this.#deps;
    const isTooMuch = this.#waitingBytes + bytes > MAX_WAITING_BYTES || total.waitingBytes + bytes > MAX_TOTAL_BYTES;
    if (isTooMuch) return this.#end('dropped');
    this.#waitingBytes += bytes;
    total.waitingBytes += bytes;
    this.#tail = this.#tail.then(async () => {
      try {
        if (!this.#over) await ask();
      } finally {
        this.#waitingBytes -= bytes;
        total.waitingBytes -= bytes;
      }
    });
  }

  /** Counts what it would have decided beside what was decided, and tells it that the request is over. */
  complete(decided: string, summary: Omit<RequestComplete, 'type'>): void {
    const { pool, agent } = this.#deps;
    this.#completed = true;
    this.#tail = this.#tail.then(() => {
      try {
        pool.recordShadow?.(agent, { decided, observed: this.#observed });
        pool.sendRequestComplete(agent, summary);
      } catch {
        // removed from the pool meanwhile
      }
    });
  }

  /** Asks about nothing more, because a body cannot be shown. */
  drop(): void {
    this.#tail = this.#tail.then(() => {
      const { requestBodyChunk, responseBodyChunk } = this.#bodies;
      if (!this.#over && (requestBodyChunk.wanted || responseBodyChunk.wanted)) this.#end('dropped');
    });
  }

  /** Cancels the request at the agent. */
  cancel(): void {
    this.#over = true;
    void this.#deps.pool.cancelRequest(this.#deps.agent, this.#deps.id).catch(() => undefined);
  }

  #next(ask: () => Promise<void>): void {
    this.#tail = this.#tail.then(() => (this.#over ? undefined : ask()));
  }

  #end(observed: string): void {
    this.#observed = observed;
    this.#over = true;
  }

  #handles(type: Question['type']): boolean {
    try {
      return this.#deps.pool.handles(this.#deps.agent, type) !== false;
    } catch {
      return false;
    }
  }

  async #askAboutChunk(type: BodyType, data: Uint8Array, last: boolean): Promise<void> {
    const body = this.#bodies[type];
    if (!body.wanted || !this.#handles(type)) return;
    const { index } = body;
    body.index += 1;
    body.wanted = (await this.#ask({ type, id: this.#deps.id, index, data, last }))?.needsMore === true;
  }

  /** Asks about one event; never rejects. */
  async #ask(event: Question): Promise<Decision | undefined> {
    const { pool, agent, options } = this.#deps;
    try {
      const decision = await pool.request?.(agent, event, options);
      if (decision === undefined || decision.verdict.type === 'allow') return decision;
      this.#end(decision.verdict.type);
    } catch {
      this.#end('failed');
    }
    return undefined;
  }
}
