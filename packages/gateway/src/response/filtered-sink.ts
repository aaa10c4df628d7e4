import { AgentwireError, type Clock, type HeaderList, type HeaderOp } from '@agentwire/core';
import { HeaderMap } from '@agentwire/headers';
import type { BodyFilter } from '../body/body-filter.ts';
import type { BufferedBody } from '../body/buffered-body.ts';
import { HEAD_WAIT_MS } from '../body/request-body.ts';
import { applyAgentOps } from '../header-ops.ts';
import type { UpstreamControl } from '../upstream/upstream-request.ts';
import type { ClientWriter, ResponseSink } from './client-writer.ts';

/** What a {@link FilteredSink} works with. */
export interface FilteredSinkOptions {
  readonly status: number;
  readonly headers: HeaderList;
  /** Changes of the head that agents ask for with their decisions on the body, until it goes. */
  readonly ops: readonly HeaderOp[];
  readonly filter: BodyFilter;
  readonly writer: ClientWriter;
  readonly control: UpstreamControl;
  /** Keeps the body until no agent wants more; without it, chunks go on as they are decided. */
  readonly held: BufferedBody | undefined;
  readonly clock: Clock;
  readonly done: () => void;
  readonly fail: (error: Error) => void;
}

const EMPTY = new Uint8Array(0);
/** Bytes that wait for the rest of a small body, so that a refusal at its end can still be an answer. */
const EARLY_BYTES = 65_536;

/**
 * A response's body to the client, one chunk after the other, each after its agents.
 *
 * The head goes with the first chunk that was decided, and with all that is here already: not before, so that decisions
 * can change it, or put another answer in its place. It goes at once for an event stream, and for a body that does not
 * begin.
 */
export class FilteredSink implements ResponseSink {
  readonly #options: FilteredSinkOptions;
  readonly #announced: number | undefined;
  #held: BufferedBody | undefined;
  #early: Uint8Array[] = [];
  #earlyBytes = 0;
  #received = 0;
  #begun = false;
  /** Whether the head has gone. */
  headGone = false;

  constructor(options: FilteredSinkOptions) {
    const { headers, held, clock } = options;
    this.#options = options;
    this.#held = held;
    const map = new HeaderMap(headers);
    const length = map.get('content-length');
    this.#announced = length === undefined ? undefined : Number(length);
    if (held !== undefined) return;
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
    // no second question where the announced length says that this is the end
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
    if (this.#held !== undefined) {
      this.#keep(this.#held, passed);
      if (filter.done) await this.#let(this.#held, last);
    } else if (this.headGone) await writer.writeAndWait(passed);
    else {
      this.#early.push(passed);
      this.#earlyBytes += passed.byteLength;
      if (last || this.#earlyBytes >= EARLY_BYTES || !control.hasMore) await this.#sendEarly(last);
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

  #keep(held: BufferedBody, chunk: Uint8Array): void {
    try {
      held.write(chunk);
    } catch (error) {
      // not the client's fault, as the same error of a request's body would be
      throw new AgentwireError('ERR_MESSAGE_TOO_LARGE', 'a response could not be held; see maxBufferedBodyBytes', {
        cause: error,
      });
    }
  }

  /** Every agent is done: what was kept goes on, and what comes after it is not kept. */
  async #let(held: BufferedBody, last: boolean): Promise<void> {
    const { writer } = this.#options;
    this.#sendHead(last ? held.length : undefined);
    const kept = held.take();
    if (kept instanceof Uint8Array) await writer.writeAndWait(kept);
    else for await (const chunk of kept) await writer.writeAndWait(chunk);
    held.release();
    this.#held = undefined;
  }
}
