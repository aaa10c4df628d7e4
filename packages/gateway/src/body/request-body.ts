import type { BodyStream } from '../upstream/upstream-request.ts';
import type { Clock } from '@agentwire/core';
import type { BodyFilter } from './body-filter.ts';
import type { BufferedBody } from './buffered-body.ts';
import type { RequestReader } from './request-reader.ts';

/** A request's body on its way to the upstream. */
export interface OutgoingBody {
  readonly data: Uint8Array | BodyStream | null;
  /** In bytes; unknown where agents may still change it. */
  readonly length: number | undefined;
}

const EMPTY = new Uint8Array(0);

/** One chunk through the agents. @returns what goes on, and whether it was the last */
async function filterNext(
  reader: RequestReader,
  filter: BodyFilter,
  announced: number | undefined,
): Promise<{ passed: Uint8Array; last: boolean }> {
  const { value: chunk, done } = await reader.next();
  if (done === true) return { passed: await filter.filter(EMPTY, true), last: true };
  // no second question where the announced length says that this is the end
  const last = reader.bytes === announced;
  return { passed: await filter.filter(chunk, last), last };
}

async function* filtered(
  first: Promise<{ passed: Uint8Array }>,
  reader: RequestReader,
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

/** How long a head waits for a body that does not begin, in milliseconds. */
export const HEAD_WAIT_MS = 50;

/** Settles with `first`, or as soon as nothing of the body has come within the time that a head waits. */
function begun<T>(first: Promise<T>, reader: RequestReader, clock: Clock): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => {
      if (!reader.begun) resolve(undefined);
    }, HEAD_WAIT_MS);
    first.then(resolve, reject).finally(() => clock.clearTimeout(timer));
  });
}

/**
 * What the agents let through, as they let it through. Comes with the first chunk's decisions, so that their changes of
 * the head are in time; at once where the body does not begin.
 */
export async function streamedBody(
  reader: RequestReader,
  filter: BodyFilter,
  announced: number | undefined,
  clock: Clock,
): Promise<OutgoingBody> {
  if (filter.done) return { data: reader, length: announced };
  const next = filterNext(reader, filter, announced);
  const first = await begun(next, reader, clock);
  if (first?.last === true)
    return { data: first.passed.byteLength === 0 ? null : first.passed, length: first.passed.byteLength };
  const length =
    first !== undefined && filter.done && announced !== undefined
      ? first.passed.byteLength + announced - reader.bytes
      : undefined;
  return { data: filtered(next, reader, filter, announced), length };
}

async function* joined(held: BufferedBody, reader: RequestReader): AsyncGenerator<Uint8Array, void, undefined> {
  const first = held.take();
  if (first instanceof Uint8Array) yield first;
  else yield* first;
  held.release();
  yield* reader;
}

function whole(held: BufferedBody): OutgoingBody {
  const { length } = held;
  return { data: length === 0 ? null : held.take(), length };
}

/**
 * Keeps what the agents let through until none of them wants more; what comes after that is not kept.
 *
 * @param held keeps it; the caller releases it
 */
export async function bufferedBody(
  reader: RequestReader,
  filter: BodyFilter,
  announced: number | undefined,
  held: BufferedBody,
): Promise<OutgoingBody> {
  for (let ended = false; !ended;) {
    const { passed, last } = await filterNext(reader, filter, announced);
    held.write(passed);
    if (last) return whole(held);
    ended = filter.done;
  }
  const length = announced === undefined ? undefined : held.length + announced - reader.bytes;
  return { data: joined(held, reader), length };
}
