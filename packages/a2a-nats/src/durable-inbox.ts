import { AgentwireError } from '@agentwire/core';
import { AckPolicy, type Consumer } from '@nats-io/jetstream';
import { DurableFetching } from './durable-fetching.ts';
import { type DurableHandler, type DurableInboxOptions, resolveDurableInboxOptions } from './durable-options.ts';
import type { DurableStreams } from './durable-streams.ts';
import { type DurableInboxStats, DurableWorker } from './durable-worker.ts';
import { fromNatsError } from './nats-errors.ts';
import { Later } from './later.ts';
import type { NodeLink } from './node-link.ts';
import { encodeToken } from './subject-token.ts';

/** An open durable inbox. */
export interface DurableInbox extends AsyncDisposable {
  /** Its name. */
  readonly name: string;
  /** Counters. */
  readonly stats: DurableInboxStats;
  /** Stops taking messages and waits for those in hand; idempotent. */
  close(): Promise<void>;
}

/** Collaborators and options of an inbox. */
export interface OpenInbox {
  readonly link: NodeLink;
  readonly streams: DurableStreams;
  readonly name: string;
  readonly handler: DurableHandler;
  readonly options: DurableInboxOptions | undefined;
  readonly onClosed: (inbox: DurableInbox) => void;
}

const NANOS = 1_000_000;
const MAX_CONSUMER_NAME = 240;
/** Delayed messages that are looked at at once. */
const DELAYED_AT_ONCE = 64;

/** Makes or finds the consumer of a durable inbox and begins to take messages from it. */
export async function openDurableInbox(asked: OpenInbox): Promise<DurableInbox> {
  const { link, streams, name, handler } = asked;
  const options = resolveDurableInboxOptions(asked.options);
  if (name === '') throw new AgentwireError('ERR_INVALID_ARGUMENT', 'a durable inbox must have a name');
  const durableName = `${encodeToken(link.options.nodeId)}_${encodeToken(name)}`;
  if (durableName.length > MAX_CONSUMER_NAME) {
    throw new AgentwireError(
      'ERR_INVALID_ARGUMENT',
      `the names of node and inbox are ${durableName.length} bytes together as subject tokens, over ${MAX_CONSUMER_NAME}`,
    );
  }
  const find = async (delayed: boolean): Promise<Consumer> => {
    const stream = delayed ? streams.laterStream : streams.inboxStream;
    const consumerName = delayed ? `${durableName}_later` : durableName;
    await streams.manager.consumers.add(stream, {
      durable_name: consumerName,
      filter_subject: delayed ? link.subjects.anyLater(name) : link.subjects.anyInbox(name),
      ack_policy: AckPolicy.Explicit,
      ack_wait: options.ackWaitMs * NANOS,
      max_ack_pending: delayed ? streams.maxDelayed : options.maxAckPending,
    });
    return streams.client.consumers.get(stream, consumerName);
  };
  let consumer: Consumer;
  let delayed: Consumer | undefined;
  try {
    await streams.addInbox(name);
    consumer = await find(false);
    if (streams.hasLater) delayed = await find(true);
  } catch (error) {
    throw fromNatsError(error, `durable inbox ${JSON.stringify(name)}`);
  }
  const worker = new DurableWorker(link, streams, name, handler, options);
  const fetching = new DurableFetching(
    link,
    worker,
    Math.min(options.concurrency, options.maxAckPending),
    consumer,
    () => find(false),
  );
  const waiting =
    delayed === undefined
      ? undefined
      : new DurableFetching(link, new Later(link, streams, name), DELAYED_AT_ONCE, delayed, () => find(true));
  const running = Promise.all([fetching.run(), waiting?.run()]);
  let closed: Promise<void> | undefined;
  const inbox: DurableInbox = {
    name,
    get stats() {
      return { ...worker.stats };
    },
    close: () =>
      (closed ??= Promise.all([fetching.stop(), waiting?.stop()])
        .then(() => running)
        .then(() => asked.onClosed(inbox))),
    [Symbol.asyncDispose]: () => inbox.close(),
  };
  return inbox;
}
