import { AgentwireError } from '@agentwire/core';
import { AckPolicy, type Consumer, type JsMsg } from '@nats-io/jetstream';
import { DurableFetching } from './durable-fetching.ts';
import { type DurableHandler, type DurableInboxOptions, resolveDurableInboxOptions } from './durable-options.ts';
import type { DurableStreams } from './durable-streams.ts';
import { type DurableInboxStats, DurableWorker } from './durable-worker.ts';
import { HandlerSlots } from './handler-slots.ts';
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

/** Consumers of one inbox: of messages with each priority, and of those that wait for their time. */
type Lane = 'normal' | 'high' | 'later';

const LANES: readonly Lane[] = ['high', 'normal', 'later'];
const NANOS = 1_000_000;
const MAX_CONSUMER_NAME = 240;
/** Messages of high priority that are fetched beyond those that are handled. */
const HIGH_AHEAD = 16;
/** Delayed messages that are looked at at once. */
const DELAYED_AT_ONCE = 64;

/** Makes or finds the consumer of a durable inbox and begins to take messages from it. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
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
  const find = async (lane: Lane): Promise<Consumer> => {
    const isLater = lane === 'later';
    const stream = isLater ? streams.laterStream : streams.inboxStream;
    const consumerName = lane === 'normal' ? durableName : `${durableName}_${lane}`;
    await streams.manager.consumers.add(stream, {
      durable_name: consumerName,
      filter_subject: isLater ? link.subjects.anyLater(name) : link.subjects.anyInbox(name, lane === 'high'),
      ack_policy: AckPolicy.Explicit,
      ack_wait: options.ackWaitMs * NANOS,
      max_ack_pending: isLater ? streams.maxDelayed : options.maxAckPending,
    });
    return streams.client.consumers.get(stream, consumerName);
  };
  const lanes: (readonly [Lane, Consumer])[] = [];
  try {
    await streams.addInbox(name);
    await streams.opening.acquire(false);
    try {
      for (const lane of LANES) if (lane !== 'later' || streams.hasLater) lanes.push([lane, await find(lane)]);
    } finally {
      streams.opening.release();
    }
  } catch (error) {
    throw fromNatsError(error, `durable inbox ${JSON.stringify(name)}`);
  }
  const worker = new DurableWorker(link, streams, name, handler, options);
  const concurrency = Math.min(options.concurrency, options.maxAckPending);
  const slots = new HandlerSlots(concurrency);
  const take = (lane: Lane): ((msg: JsMsg) => Promise<void>) => {
    if (lane !== 'later') return (msg) => worker.take(msg, slots, lane === 'high');
    const later = new Later(link, streams, name);
    return (msg) => later.take(msg);
  };
  const atOnce = (lane: Lane): number => {
    if (lane === 'later') return DELAYED_AT_ONCE;
    // the next message of high priority has to be here when a slot becomes free.
    return lane === 'high' ? Math.min(concurrency + HIGH_AHEAD, options.maxAckPending) : concurrency;
  };
  const fetching = lanes.map(
    ([lane, consumer]) => new DurableFetching(link, take(lane), atOnce(lane), consumer, () => find(lane)),
  );
  const running = Promise.all(fetching.map((one) => one.run()));
  let closed: Promise<void> | undefined;
  const inbox: DurableInbox = {
    name,
    get stats() {
      return { ...worker.stats };
    },
    close: () =>
      (closed ??= Promise.all(fetching.map((one) => one.stop()))
        .then(() => running)
        .then(() => asked.onClosed(inbox))),
    [Symbol.asyncDispose]: () => inbox.close(),
  };
  return inbox;
}
