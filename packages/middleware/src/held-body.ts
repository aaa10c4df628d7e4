import { AgentwireError } from '@agentwire/core';
import type { BodyFilter } from '@agentwire/pipeline';
import type { NodeRequest } from './node-messages.ts';

const EMPTY = new Uint8Array(0);

/** Takes what a client sends of a body, for agents that observe it. */
export type ShowChunk = (chunk: Uint8Array, last: boolean) => void;

/** Returns whether the client has left within its request: node:http2 ends the body of a stream that was reset. */
export function hasLeft(request: NodeRequest): boolean {
  // deprecated in node:http, and the only sign in node:http2
  // oxlint-disable-next-line typescript/no-deprecated
  return request.aborted;
}

/** Returns whether something of a body was read, so that the agents cannot have it. */
function wasRead(request: NodeRequest): boolean {
  return request.readableDidRead || request.body !== undefined || request.readableEnded;
}

/** Shows what the parser pushes into a request from here on, and lets it through. */
function tap(request: NodeRequest, show: ShowChunk): void {
  const push = request.push.bind(request);
  request.push = (chunk: Uint8Array | null) => {
    if (chunk !== null) show(chunk, false);
    else if (!hasLeft(request)) show(EMPTY, true);
    return push(chunk);
  };
}

/**
 * Shows a body to agents that observe it while the application reads it. Bytes are shown when they arrive; where the application does not read them, the
 * rest stays with the client.
 *
 * @returns `false` where the body was read before, so that nothing can be shown
 */
export function observeBody(request: NodeRequest, show: ShowChunk): boolean {
  if (wasRead(request)) return false;
  if (request.readableLength > 0) {
    const early = request.read(request.readableLength) as Buffer;
    show(early, false);
    request.unshift(early);
  }
  if (request.complete && !hasLeft(request)) show(EMPTY, true);
  else tap(request, show);
  return true;
}

/**
 * Body of a request that is held back until its agents have decided on it: nothing of it reaches a reader before.
 *
 * Chunks are taken where the parser pushes them into the stream, so that every reader (listeners, pipes, iterators, body
 * parsers) gets what the agents passed, from the same object.
 */
export class HeldBody {
  readonly #request: NodeRequest;
  readonly #push: NodeRequest['push'];
  readonly #maxBytes: number;
  readonly #chunks: Uint8Array[] = [];
  #heldBytes = 0;
  #ended = false;
  #error: Error | undefined;
  #wake: (() => void) | undefined;
  /** `true` where the stream had its end before: what passes is put back in front of it. */
  readonly #wasComplete: boolean;
  readonly #show: ShowChunk | undefined;

  /**
   * Begins to hold back.
   *
   * @param show gets every chunk when it comes, also after the body was passed on
   * @throws AgentwireError `ERR_INVALID_STATE` for a body that was read before
   */
  constructor(request: NodeRequest, maxBytes: number, show?: ShowChunk) {
    if (wasRead(request))
      throw new AgentwireError(
        'ERR_INVALID_STATE',
        'the body was read before the agents: put the middleware before body parsers and other readers',
      );
    this.#request = request;
    this.#maxBytes = maxBytes;
    this.#show = show;
    this.#push = request.push.bind(request);
    request.push = (chunk: Uint8Array | null) => this.#take(chunk);
    request.once('error', this.#onEnd).once('close', this.#onEnd);
    const early = request.readableLength === 0 ? null : (request.read(request.readableLength) as Buffer | null);
    this.#wasComplete = request.complete && !hasLeft(request);
    if (early !== null) this.#take(early);
    if (hasLeft(request)) this.#onEnd();
    if (this.#wasComplete) {
      this.#ended = true;
      show?.(EMPTY, true);
    }
    // begins to read
    else request.read(0);
  }

  readonly #onEnd = (): void => {
    if (this.#ended) return;
    this.#error ??= new AgentwireError('ERR_ABORTED', 'the client left within its body');
    this.#notify();
  };

  #take(chunk: Uint8Array | null): boolean {
    if (chunk === null && hasLeft(this.#request)) this.#onEnd();
    else if (chunk === null) {
      this.#ended = true;
      this.#show?.(EMPTY, true);
    } else {
      this.#show?.(chunk, false);
      this.#chunks.push(chunk);
      this.#heldBytes += chunk.byteLength;
    }
    this.#notify();
    // what is held is bounded: past the limit the request fails
    return this.#heldBytes <= this.#maxBytes;
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  /**
   * Asks the agents about the body until they have decided on all that they want.
   *
   * @param announced length as the client announced it, `undefined` where it did not
   * @returns the new length of the body, `undefined` where the rest has still to come and was not announced
   * @throws Refusal; AgentwireError `ERR_BODY_TOO_LARGE`, `ERR_ABORTED`
   */
  async judge(
    filter: BodyFilter,
    announced: number | undefined,
    tooLarge: () => Error,
  ): Promise<{ length: number | undefined; taken: number }> {
    const passed: Uint8Array[] = [];
    let [length, taken] = [0, 0];
    const pass = (chunk: Uint8Array): void => {
      length += chunk.byteLength;
      if (chunk.byteLength > 0) passed.push(chunk);
    };
    while (!filter.done) {
      const chunk = this.#chunks.shift();
      if (chunk === undefined && !this.#ended) {
        if (this.#error !== undefined) throw this.#error;
        await new Promise<void>((resolve) => (this.#wake = resolve));
        continue;
      }
      taken += chunk?.byteLength ?? 0;
      if (taken > this.#maxBytes || this.#heldBytes > this.#maxBytes) throw tooLarge();
      const last = this.#ended && this.#chunks.length === 0;
      pass(await filter.filter(chunk ?? EMPTY, last));
    }
    for (const chunk of this.#chunks) {
      taken += chunk.byteLength;
      pass(chunk);
    }
    this.#release(passed);
    if (this.#ended) return { length, taken };
    // the rest passes unchanged
    return { length: announced === undefined ? undefined : length + announced - taken, taken };
  }

  /** Lets the stream go on as it is. */
  #release(passed: readonly Uint8Array[]): void {
    const request = this.#request;
    request.off('error', this.#onEnd).off('close', this.#onEnd);
    Reflect.deleteProperty(request, 'push');
    if (this.#wasComplete) {
      if (passed.length > 0) request.unshift(Buffer.concat(passed));
      return;
    }
    for (const chunk of passed) this.#push(chunk);
    if (this.#ended) this.#push(null);
    else if (this.#show !== undefined) tap(request, this.#show);
  }
}
