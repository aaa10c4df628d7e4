import type { Clock } from '@agentwire/core';
import type { BodyFilter } from './body-filter.ts';
import type { BodyStream, BufferedBody } from './buffered-body.ts';

/** Body of a client's request. */
export interface BodySource extends AsyncIterable<Uint8Array> {
  /** Frees the memory of a chunk that it gave and that nothing reads any more; chunks of others stay as they are. */
  release(chunk: Uint8Array): void;
  /** Reads the chunks that have come, small ones as one: fewer events for the agents. */
  nextJoined(): Promise<IteratorResult<Uint8Array, undefined>>;
  /** Bytes read so far. */
  readonly bytes: number;
  /** `true` once a chunk or the end has come. */
  readonly begun: boolean;
}

/** Body of a request for the upstream. */
export interface OutgoingBody {
  readonly data: Uint8Array | BodyStream | null;
  /** Length in bytes; unknown where agents may still change it. */
  readonly length: number | undefined;
}

const EMPTY = new Uint8Array(0);

/** Asks the agents about the next chunk. @returns its replacement, and whether it was the last */
async function filterNext(
  reader: BodySource,
  filter: BodyFilter,
  announced: number | undefined,
): Promise<{ passed: Uint8Array; last: boolean }> {
  const { value: chunk, done } = await reader.nextJoined();
  if (done === true) return { passed: await filter.filter(EMPTY, true), last: true };
  // no second event where this is the end by the announced length
  const last = reader.bytes === announced;
  const passed = await filter.filter(chunk, last);
  // a view of the chunk may pass in its place, where an agent is in this process
  if (passed.buffer !== chunk.buffer) reader.release(chunk);
  return { passed, last };
}

async function* filtered(
  first: Promise<{ passed: Uint8Array }>,
  reader: BodySource,
  filter: BodyFilter,
  announced: number | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { passed: begin } = await first;
  if (begin.byteLength > 0) yield begin;
  while (!filter.done) {
    const { passed } = await filterNext(reader, filter, announced);
    if (passed.byteLength > 0) yield passed;
  }
  yield* reader;
}

/** Time that a head waits for the first chunk of its body, in milliseconds. */
export const HEAD_WAIT_MS = 50;

/** Settles with `first`, or with `undefined` when no chunk came within {@link HEAD_WAIT_MS}. */
function begun<T>(first: Promise<T>, reader: BodySource, clock: Clock): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => {
      if (!reader.begun) resolve(undefined);
    }, HEAD_WAIT_MS);
    first.then(resolve, reject).finally(() => clock.clearTimeout(timer));
  });
}

/**
 * Returns the body as the agents pass it. Resolves with the decisions on the first bytes that pass, so that their changes of
 * the head are in time; without them where the body does not begin.
 */
export async function streamedBody(
  reader: BodySource,
  filter: BodyFilter,
  announced: number | undefined,
  clock: Clock,
): Promise<OutgoingBody> {
  if (filter.done) return { data: reader, length: announced };
  let next = filterNext(reader, filter, announced);
  let first = await begun(next, reader, clock);
  // agents that hold the body back decide on its head too
  while (first !== undefined && !first.last && first.passed.byteLength === 0 && !filter.done) {
    next = filterNext(reader, filter, announced);
    first = await next;
  }
  if (first?.last === true)
    return { data: first.passed.byteLength === 0 ? null : first.passed, length: first.passed.byteLength };
  const length =
    first !== undefined && filter.done && announced !== undefined
      ? first.passed.byteLength + announced - reader.bytes
      : undefined;
  return { data: streamOf(filtered(next, reader, filter, announced), reader), length };
}

/** Returns chunks as a body, among them chunks of `reader`. */
function streamOf(chunks: AsyncIterable<Uint8Array>, reader: BodySource): BodyStream {
  return { [Symbol.asyncIterator]: () => chunks[Symbol.asyncIterator](), release: (chunk) => reader.release(chunk) };
}

async function* joined(buffer: BufferedBody, reader: BodySource): AsyncGenerator<Uint8Array, void, undefined> {
  const first = buffer.take();
  if (first instanceof Uint8Array) yield first;
  else yield* first;
  buffer.release();
  yield* reader;
}

function whole(buffer: BufferedBody): OutgoingBody {
  const { length } = buffer;
  return { data: length === 0 ? null : buffer.take(), length };
}

/**
 * Buffers what the agents pass until none of them reads more; the rest is streamed.
 *
 * @param buffer released by the caller
 */
export async function bufferedBody(
  reader: BodySource,
  filter: BodyFilter,
  announced: number | undefined,
  buffer: BufferedBody,
): Promise<OutgoingBody> {
  for (let ended = false; !ended;) {
    const { passed, last } = await filterNext(reader, filter, announced);
    buffer.write(passed);
    reader.release(passed);
    if (last) return whole(buffer);
    ended = filter.done;
  }
  const length = announced === undefined ? undefined : buffer.length + announced - reader.bytes;
  return { data: streamOf(joined(buffer, reader), reader), length };
}
