import { AgentwireError, type Clock, type HeaderList, type HeaderOp } from '@agentwire/core';
import { freeMemory } from '@agentwire/core/internal';
import { HeaderMap } from '@agentwire/headers';
import { applyAgentOps } from '../header-ops.ts';
import type { BodyFilter } from './body-filter.ts';
import type { BufferedBody } from './buffered-body.ts';
import { ChunkQueue, JOINED_BYTES } from './chunk-queue.ts';
import { HEAD_WAIT_MS } from './request-body.ts';

/** Source of a response's body, as the sink controls it. */
export interface SinkSource {
  /** Lets the next chunks come, after `write` has returned `false`. */
  resume(): void;
  /** `true` where more of the body, or its end, has been read already. */
  readonly hasMore: boolean;
  /** Frees the memory of a chunk that it gave and that nothing reads any more; absent where others may have its chunks. */
  readonly release?: ((chunk: Uint8Array) => void) | undefined;
}

/** Writer of a response to the client. */
export interface SinkWriter {
  /** Takes the head of a body whose length agents may have changed; `undefined` for an unknown one. */
  headOf(status: number, headers: HeaderList, length: number | undefined): void;
  /** Writes, and waits where the client does not keep up. @param release called once the chunk is out, where that can be known */
  writeAndWait(chunk: Uint8Array, release?: (chunk: Uint8Array) => void): Promise<void>;
  /** @param done called when the last byte is out */
  end(done: () => void): void;
}

/** Collaborators of a {@link FilteredSink}. */
export interface FilteredSinkDeps {
  readonly status: number;
  readonly headers: HeaderList;
  /** Changes of the head that agents decided with the body, until it is sent. */
  readonly ops: readonly HeaderOp[];
  readonly filter: BodyFilter;
  readonly writer: SinkWriter;
  readonly control: SinkSource;
  /** Buffers the body until no agent reads more; without it, each chunk passes when it is decided. */
  readonly buffer: BufferedBody | undefined;
  readonly clock: Clock;
  readonly done: () => void;
  readonly fail: (error: Error) => void;
}

const EMPTY = new Uint8Array(0);
/** Bytes of a small body that wait for its end, so that a refusal there can still be answered. */
const EARLY_BYTES = 65_536;

/**
 * Body of a response that agents read, chunk by chunk; what comes while they decide on a chunk is the next one, up to
 * {@link JOINED_BYTES}.
 *
 * The head is sent with the first bytes that pass, and with all that is there already: not before, so that decisions
 * can change it, or replace the whole answer. It is sent at once for an event stream, and for a body that does not begin.
 */
export class FilteredSink {
  readonly #options: FilteredSinkDeps;
  readonly #announced: number | undefined;
  #buffer: BufferedBody | undefined;
  #early: Uint8Array[] = [];
  #earlyBytes = 0;
  readonly #waiting = new ChunkQueue();
  /** Bytes that the agents have got. */
  #taken = 0;
  #begun = false;
  #ended = false;
  /** `true` while chunks pass, and for good once one has failed. */
  #passing = false;
  /** `true` where the source waits for `resume`. */
  #stopped = false;
  /** `true` once the head was sent. */
  headGone = false;

  constructor(options: FilteredSinkDeps) {
    const { headers, buffer, clock } = options;
    this.#options = options;
    this.#buffer = buffer;
    const map = new HeaderMap(headers);
    const length = map.get('content-length');
    this.#announced = length === undefined ? undefined : Number(length);
    if (buffer !== undefined) return;
    if (map.get('content-type')?.startsWith('text/event-stream') === true) this.#sendHead(undefined);
    else clock.setTimeout(this.#onWait, HEAD_WAIT_MS);
  }

  readonly #onWait = (): void => {
    if (!this.#begun) this.#sendHead(undefined);
  };

  write(chunk: Uint8Array): boolean {
    this.#begun = true;
    this.#waiting.add(chunk);
    this.#stopped = this.#waiting.bytes >= JOINED_BYTES;
    if (!this.#passing) this.#passAll().catch(this.#options.fail);
    return !this.#stopped;
  }

  end(): void {
    this.#begun = true;
    this.#ended = true;
    if (!this.#passing) this.#passAll().catch(this.#options.fail);
  }

  async #passAll(): Promise<void> {
    const { writer, control, done } = this.#options;
    this.#passing = true;
    let last = false;
    while (!this.#waiting.isEmpty) {
      const chunks = this.#waiting.take(JOINED_BYTES);
      for (const { byteLength } of chunks) this.#taken += byteLength;
      if (this.#stopped) {
        this.#stopped = false;
        control.resume();
      }
      // no event for the end alone, where this is the end: by the announced length, or because it has come
      last = this.#taken === this.#announced || (this.#ended && this.#waiting.isEmpty);
      await this.#pass(chunks, last);
    }
    this.#passing = false;
    if (!this.#ended) return;
    if (!last) await this.#pass([], true);
    writer.end(done);
  }

  async #pass(chunks: readonly Uint8Array[], last: boolean): Promise<void> {
    const { filter, control } = this.#options;
    if (filter.done) for (const chunk of chunks) await this.#take(chunk, control.release);
    else if (chunks.length <= 1) await this.#ask(chunks[0] ?? EMPTY, last, control.release);
    else {
      const joined = Buffer.concat(chunks);
      for (const chunk of chunks) control.release?.(chunk);
      await this.#ask(joined, last, freeMemory);
    }
    if (this.#buffer !== undefined) {
      if (filter.done) await this.#sendBuffered(this.#buffer, last);
    } else if (!this.headGone) {
      // agents that hold the body back decide on its head too
      const waits = this.#earlyBytes === 0 && !filter.done;
      const hasMore = !this.#waiting.isEmpty || this.#ended || control.hasMore;
      if (last || this.#earlyBytes >= EARLY_BYTES || !(hasMore || waits)) await this.#sendEarly(last);
    }
  }

  /** Asks about a chunk, and takes what passes of it. @param release frees it */
  async #ask(chunk: Uint8Array, last: boolean, release: SinkSource['release']): Promise<void> {
    const passed = await this.#options.filter.filter(chunk, last);
    // a view of the chunk may pass in its place, where an agent is in this process
    if (passed.buffer !== chunk.buffer) release?.(chunk);
    await this.#take(passed, passed === chunk ? release : undefined);
  }

  async #take(chunk: Uint8Array, release: SinkSource['release']): Promise<void> {
    const { writer } = this.#options;
    if (this.#buffer !== undefined) {
      this.#append(this.#buffer, chunk);
      release?.(chunk);
    } else if (this.headGone) await writer.writeAndWait(chunk, release);
    else {
      if (chunk.byteLength > 0) this.#early.push(chunk);
      this.#earlyBytes += chunk.byteLength;
    }
  }

  async #sendEarly(last: boolean): Promise<void> {
    const { filter, writer } = this.#options;
    const rest = last ? 0 : filter.done && this.#announced !== undefined ? this.#announced - this.#taken : undefined;
    this.#sendHead(rest === undefined ? undefined : this.#earlyBytes + rest);
    const early = this.#early;
    this.#early = [];
    for (const chunk of early) await writer.writeAndWait(chunk);
  }

  #sendHead(length: number | undefined): void {
    const { status, headers, ops, writer, fail } = this.#options;
    this.headGone = true;
    try {
      writer.headOf(status, applyAgentOps(headers, ops), length);
    } catch (error) {
      fail(error as Error);
    }
  }

  #append(buffer: BufferedBody, chunk: Uint8Array): void {
    try {
      buffer.write(chunk);
    } catch (error) {
      // not the client's fault, unlike the same error of a request's body
      throw new AgentwireError('ERR_MESSAGE_TOO_LARGE', 'a response could not be buffered; see maxBufferedBodyBytes', {
        cause: error,
      });
    }
  }

  /** Sends what was buffered, as no agent reads more; the rest passes. */
  async #sendBuffered(buffer: BufferedBody, last: boolean): Promise<void> {
    const { writer } = this.#options;
    this.#sendHead(last ? buffer.length : undefined);
    const body = buffer.take();
    if (body instanceof Uint8Array) await writer.writeAndWait(body);
    else for await (const chunk of body) await writer.writeAndWait(chunk, freeMemory);
    buffer.release();
    this.#buffer = undefined;
  }
}
