import { AgentwireError } from '@agentwire/core';
import { AckPolicy, type Consumer } from '@nats-io/jetstream';
import { DurableFetching } from './durable-fetching.ts';
import { type DurableHandler, type DurableInboxOptions, resolveDurableInboxOptions } from './durable-options.ts';
import type { DurableStreams } from './durable-streams.ts';
import { type DurableInboxStats, DurableWorker } from './durable-worker.ts';
import { fromNatsError } from './nats-errors.ts';
import type { NodeLink } from './node-link.ts';
import { encodeToken } from './subject-token.ts';

/** An open durable inbox. */
export interface DurableInbox extends AsyncDisposable {
  /** Its name. */
  readonly name: string;
  /** What it has done so far. */
  readonly stats: DurableInboxStats;
  /** Stops taking messages and waits for those in hand; idempotent. */
  close(): Promise<void>;
}

/** What an inbox is opened with. */
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
  const find = async (): Promise<Consumer> => {
    await streams.manager.consumers.add(streams.inboxStream, {
      durable_name: durableName,
      filter_subject: link.subjects.anyInbox(name),
      ack_policy: AckPolicy.Explicit,
      ack_wait: options.ackWaitMs * NANOS,
      max_ack_pending: options.maxAckPending,
    });
    return streams.client.consumers.get(streams.inboxStream, durableName);
  };
  let consumer: Consumer;
  try {
    await streams.addInbox(name);
    consumer = await find();
  } catch (error) {
    throw fromNatsError(error, `durable inbox ${JSON.stringify(name)}`);
  }
  const worker = new DurableWorker(link, streams, name, handler, options);
  const fetching = new DurableFetching(
    link,
    worker,
    Math.min(options.concurrency, options.maxAckPending),
    consumer,
    find,
  );
  const running = fetching.run();
  let closed: Promise<void> | undefined;
  const inbox: DurableInbox = {
    name,
    get stats() {
      return { ...worker.stats };
    },
    close: () =>
      (closed ??= fetching
        .stop()
        .then(() => running)
        .then(() => asked.onClosed(inbox))),
    [Symbol.asyncDispose]: () => inbox.close(),
  };
  return inbox;
}
