import type { BodyStream } from '../upstream/upstream-request.ts';
import type { BodyFilter } from './body-filter.ts';
import type { HeldBody } from './held-body.ts';
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
  reader: RequestReader,
  filter: BodyFilter,
  announced: number | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  while (!filter.done) {
    const { passed } = await filterNext(reader, filter, announced);
    if (passed.byteLength > 0) yield passed;
  }
  yield* reader;
}

/** What the agents let through, as they let it through. */
export function streamedBody(reader: RequestReader, filter: BodyFilter, announced: number | undefined): OutgoingBody {
  if (filter.done) return { data: reader, length: announced };
  return { data: filtered(reader, filter, announced), length: undefined };
}

async function* joined(held: HeldBody, reader: RequestReader): AsyncGenerator<Uint8Array, void, undefined> {
  const first = held.take();
  if (first instanceof Uint8Array) yield first;
  else yield* first;
  held.release();
  yield* reader;
}

function whole(held: HeldBody): OutgoingBody {
  const { length } = held;
  return { data: length === 0 ? null : held.take(), length };
}

/**
 * Keeps what the agents let through until none of them wants more; what comes after that is not kept.
 *
 * @param held keeps it; the caller releases it
 */
export async function heldBody(
  reader: RequestReader,
  filter: BodyFilter,
  announced: number | undefined,
  held: HeldBody,
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
