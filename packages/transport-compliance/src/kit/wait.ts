import { systemClock } from '@agentwire/core';
import { delay } from '@agentwire/core/internal';

/** Turns of the event loop that a message needs at most between two ends in one process, with plenty to spare. */
const SETTLE_TURNS = 30;
/** Turns to wait at full speed before waiting a millisecond between looks. */
const BUSY_TURNS = 200;

/** One turn of the event loop, sockets included. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Gives everything that is on its way time to arrive; for cases in which nothing may arrive. */
export async function settle(): Promise<void> {
  for (let turns = 0; turns < SETTLE_TURNS; turns += 1) await turn();
}

/** Waits for something that must happen; what bounds it is the patience that `signal` stands for. */
export async function until(condition: () => boolean, signal: AbortSignal): Promise<void> {
  for (let turns = 0; !condition(); turns += 1) {
    signal.throwIfAborted();
    await (turns < BUSY_TURNS ? turn() : delay(systemClock, 1));
  }
}
