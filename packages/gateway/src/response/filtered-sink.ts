import { AgentwireError, type HeaderList, type HeaderOp } from '@agentwire/core';
import { applyHeaderOps } from '@agentwire/headers';
import type { BodyFilter } from '../body/body-filter.ts';
import type { HeldBody } from '../body/held-body.ts';
import type { UpstreamControl } from '../upstream/upstream-request.ts';
import type { ClientWriter, ResponseSink } from './client-writer.ts';

/** What a {@link FilteredSink} works with. */
export interface FilteredSinkOptions {
  readonly status: number;
  readonly headers: HeaderList;
  /** Changes of the head that agents ask for with their decisions on the body; in time only for a held one. */
  readonly ops: readonly HeaderOp[];
  readonly filter: BodyFilter;
  readonly writer: ClientWriter;
  readonly control: UpstreamControl;
  /** Keeps the body until no agent wants more; without it, chunks go on as they are decided. */
  readonly held: HeldBody | undefined;
  readonly done: () => void;
  readonly fail: (error: Error) => void;
}

const EMPTY = new Uint8Array(0);

/** A response's body to the client, one chunk after the other, each after its agents. */
export class FilteredSink implements ResponseSink {
  readonly #options: FilteredSinkOptions;
  #held: HeldBody | undefined;
  #queue: Promise<void> = Promise.resolve();

  constructor(options: FilteredSinkOptions) {
    this.#options = options;
    this.#held = options.held;
    // the length is known when the agents are done, and then it is too late for the head
    if (this.#held === undefined) options.writer.headOf(options.status, options.headers, undefined);
  }

  write(chunk: Uint8Array): boolean {
    const { control, fail } = this.#options;
    this.#queue = this.#queue.then(() => this.#pass(chunk, false));
    this.#queue.then(() => control.resume(), fail);
    return false;
  }

  end(): void {
    const { writer, done, fail } = this.#options;
    this.#queue
      .then(() => this.#pass(EMPTY, true))
      .then(() => writer.end(done))
      .catch(fail);
  }

  async #pass(chunk: Uint8Array, last: boolean): Promise<void> {
    const { filter, writer } = this.#options;
    const passed = filter.done ? chunk : await filter.filter(chunk, last);
    if (this.#held === undefined) return writer.writeAndWait(passed);
    this.#keep(this.#held, passed);
    if (filter.done) await this.#let(this.#held, last);
  }

  #keep(held: HeldBody, chunk: Uint8Array): void {
    try {
      held.write(chunk);
    } catch (error) {
      // not the client's fault, as the same error of a request's body would be
      throw new AgentwireError('ERR_MESSAGE_TOO_LARGE', 'a response could not be held; see maxHeldBodyBytes', {
        cause: error,
      });
    }
  }

  /** Every agent is done: what was kept goes on, and what comes after it is not kept. */
  async #let(held: HeldBody, last: boolean): Promise<void> {
    const { status, headers, ops, writer } = this.#options;
    writer.headOf(status, applyHeaderOps(headers, ops), last ? held.length : undefined);
    const kept = held.take();
    if (kept instanceof Uint8Array) await writer.writeAndWait(kept);
    else for await (const chunk of kept) await writer.writeAndWait(chunk);
    held.release();
    this.#held = undefined;
  }
}
