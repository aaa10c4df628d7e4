import { AgentwireError, type TimerHandle } from '@agentwire/core';
import type { DurableInbox } from './durable-inbox.ts';
import type { Incoming } from './incoming.ts';
import { fromNatsError } from './nats-errors.ts';
import type { NodeLink } from './node-link.ts';
import type { Presence } from './presence.ts';

/** Reason for which the requests of a node that has left end. */
export const CLOSED = 'this node has left the NATS server';

/** Parts of a node that is closing. */
export interface CloseDeps {
  readonly link: NodeLink;
  readonly incoming: Incoming;
  readonly presence: Presence;
  readonly inboxes: ReadonlySet<DurableInbox>;
  /** Durable messages that the server has not confirmed. */
  readonly writing: ReadonlySet<Promise<void>>;
}

/**
 * Leaves the server in `closeTimeoutMs`: services first, then what is in hand, then what was sent, then the connection.
 *
 * Rejects if something that was sent may not have been handed over.
 */
export async function leave({ link, incoming, presence, inboxes, writing }: CloseDeps): Promise<void> {
  const { connection, options } = link;
  const { clock, closeTimeoutMs } = options;
  if (!link.connected) {
    link.abandon();
    presence.stop();
    await connection.close();
    return;
  }
  let timer: TimerHandle;
  const within = (ms: number): Promise<'late'> =>
    new Promise((resolve) => (timer = clock.setTimeout(() => resolve('late'), ms)));
  const answered = async (): Promise<void> => {
    incoming.stop();
    // the server has no member of the group here any more once it has answered this.
    await link.batch.flush();
    await Promise.all([link.answered(), ...[...inboxes].map((inbox) => inbox.close())]);
  };
  const handedOver = async (): Promise<void> => {
    await Promise.all(writing);
    link.batch.hand();
    await connection.drain();
  };
  let failure: unknown;
  try {
    await Promise.race([answered(), within(closeTimeoutMs / 2)]);
    clock.clearTimeout(timer);
    link.abandon();
    // nodes that work on what this one asked are told before it leaves.
    link.endAll(CLOSED);
    presence.stop();
    if ((await Promise.race([handedOver(), within(closeTimeoutMs / 2)])) === 'late') {
      failure = new AgentwireError(
        'ERR_TIMEOUT',
        `the server did not take everything in ${closeTimeoutMs} ms; what was sent last may be lost`,
        { detail: { closeTimeoutMs } },
      );
    }
  } catch (error) {
    failure = fromNatsError(error, 'close');
  } finally {
    clock.clearTimeout(timer);
    link.connected = false;
    link.endAll(CLOSED);
  }
  if (failure === undefined) return;
  connection.close().catch(() => undefined);
  throw failure;
}
