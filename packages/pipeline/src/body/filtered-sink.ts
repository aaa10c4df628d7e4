import { AgentwireError, type Clock, type HeaderList, type HeaderOp } from '@agentwire/core';
import { HeaderMap } from '@agentwire/headers';
import { applyAgentOps } from '../header-ops.ts';
import type { BodyFilter } from './body-filter.ts';
import type { BufferedBody } from './buffered-body.ts';
import { HEAD_WAIT_MS } from './request-body.ts';

/** Source of a response's body, as the sink controls it. */
export interface SinkSource {
  /** Lets the next chunk come. */
  resume(): void;
  /** `true` where more of the body, or its end, has been read already. */
  readonly hasMore: boolean;
}

/** Writer of a response to the client. */
export interface SinkWriter {
  /** Takes the head of a body whose length agents may have changed; `undefined` for an unknown one. */
  headOf(status: number, headers: HeaderList, length: number | undefined): void;
  /** Writes, and waits where the client does not keep up. */
  writeAndWait(chunk: Uint8Array): Promise<void>;
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
 * Body of a response that agents read, chunk by chunk.
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
  #received = 0;
  #begun = false;
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
    const { control, fail } = this.#options;
    this.#begun = true;
    this.#received += chunk.byteLength;
    // no second event where this is the end by the announced length
    this.#pass(chunk, this.#received === this.#announced).then(() => control.resume(), fail);
    return false;
  }

  end(): void {
    const { writer, done, fail } = this.#options;
    this.#begun = true;
    this.#pass(EMPTY, true)
      .then(() => writer.end(done))
      .catch(fail);
  }

  async #pass(chunk: Uint8Array, last: boolean): Promise<void> {
    const { filter, writer, control } = this.#options;
    const passed = filter.done ? chunk : await filter.filter(chunk, last);
    if (this.#buffer !== undefined) {
      this.#append(this.#buffer, passed);
      if (filter.done) await this.#sendBuffered(this.#buffer, last);
    } else if (this.headGone) await writer.writeAndWait(passed);
    else {
      if (passed.byteLength > 0) this.#early.push(passed);
      this.#earlyBytes += passed.byteLength;
      // agents that hold the body back decide on its head too
      const waits = this.#earlyBytes === 0 && !filter.done;
      if (last || this.#earlyBytes >= EARLY_BYTES || !(control.hasMore || waits)) await this.#sendEarly(last);
    }
  }

  async #sendEarly(last: boolean): Promise<void> {
    const { filter, writer } = this.#options;
    const rest = last ? 0 : filter.done && this.#announced !== undefined ? this.#announced - this.#received : undefined;
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
    else for await (const chunk of body) await writer.writeAndWait(chunk);
    buffer.release();
    this.#buffer = undefined;
  }
}
