import type { RequestComplete, RequestHeaders, RequestId, ResponseHeaders, WebSocketFrame } from '@agentwire/core';
import type { BodySource } from './body/request-body.ts';
import type { ResolvedPipelineOptions } from './pipeline-options.ts';
import { Shadow } from './shadow.ts';

/** Agents that observe one request: see {@link Shadow}. */
export class Shadows {
  readonly #all = new Map<string, Shadow>();
  readonly #create: (agent: string, id: RequestId) => Shadow;

  constructor(create: (agent: string, id: RequestId) => Shadow) {
    this.#create = create;
  }

  /** Shows a head to an agent. */
  head(agent: string, event: RequestHeaders | ResponseHeaders): void {
    this.#of(agent, event.id).head(event);
  }

  /** Shows a frame of a WebSocket to an agent. */
  frame(agent: string, frame: WebSocketFrame): void {
    this.#of(agent, frame.id).frame(frame);
  }

  #of(agent: string, id: RequestId): Shadow {
    let shadow = this.#all.get(agent);
    if (shadow === undefined) this.#all.set(agent, (shadow = this.#create(agent, id)));
    return shadow;
  }

  /** Shows the next chunk of a body to every agent. */
  chunk(type: 'requestBodyChunk' | 'responseBodyChunk', data: Uint8Array, last: boolean): void {
    for (const shadow of this.#all.values()) shadow.chunk(type, data, last);
  }

  /** Ends them as `dropped`, because a body cannot be shown. */
  drop(): void {
    for (const shadow of this.#all.values()) shadow.drop();
  }

  complete(decided: string, summary: Omit<RequestComplete, 'type'>): void {
    for (const shadow of this.#all.values()) shadow.complete(decided, summary);
  }

  cancel(): void {
    for (const shadow of this.#all.values()) shadow.cancel();
  }
}

/** Bytes of bodies that wait for observers, by the settings that all requests of one set of options share. */
const totals = new WeakMap<object, { waitingBytes: number }>();

/** Returns the observers of one request; `undefined` where no agent observes. */
export function shadowsOf(
  settings: NonNullable<ResolvedPipelineOptions['agentSettings']>,
  { pool, maxChunkBytes, decisionTimeoutMs }: ResolvedPipelineOptions,
): Shadows | undefined {
  let observed = false;
  for (const { mode } of settings.values()) observed ||= mode === 'observe';
  if (!observed) return undefined;
  let total = totals.get(settings);
  if (total === undefined) totals.set(settings, (total = { waitingBytes: 0 }));
  const shared = total;
  return new Shadows((agent, id) => {
    const timeoutMs = settings.get(agent)?.timeoutMs ?? decisionTimeoutMs;
    const options = { keep: true, fresh: true, timeoutMs };
    return new Shadow({ pool, agent, id, maxChunkBytes, total: shared, options });
  });
}

const EMPTY = new Uint8Array(0);

/** A body whose chunks are shown to agents that observe it when they are read. */
export class ShadowedBody implements BodySource {
  readonly #source: BodySource;
  readonly #shadows: Shadows;
  readonly #announced: number | undefined;
  #ended = false;

  /** @param announced length in bytes, where it is known */
  constructor(source: BodySource, shadows: Shadows, announced: number | undefined) {
    this.#source = source;
    this.#shadows = shadows;
    this.#announced = announced;
  }

  get bytes(): number {
    return this.#source.bytes;
  }

  get begun(): boolean {
    return this.#source.begun;
  }

  async nextJoined(): Promise<IteratorResult<Uint8Array, undefined>> {
    const next = await this.#source.nextJoined();
    if (this.#ended) return next;
    this.#ended = next.done === true || this.bytes === this.#announced;
    this.#shadows.chunk('requestBodyChunk', next.value ?? EMPTY, this.#ended);
    return next;
  }

  /** Frees nothing: observers may not have been asked yet. */
  release(): void {}

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    const source = this.#source[Symbol.asyncIterator]();
    try {
      for (;;) {
        const { value, done } = await this.nextJoined();
        if (done === true) return;
        yield value;
      }
    } finally {
      await source.return?.();
    }
  }
}

/** Takes the chunks of a response's body. */
interface Sink {
  write(chunk: Uint8Array): boolean;
  end(): void;
}

/** Returns a sink that shows what it takes to agents that observe it. */
export function shadowedSink(sink: Sink, shadows: Shadows): Sink {
  return {
    write(chunk) {
      shadows.chunk('responseBodyChunk', chunk, false);
      return sink.write(chunk);
    },
    end() {
      shadows.chunk('responseBodyChunk', EMPTY, true);
      sink.end();
    },
  };
}
