import { type Clock, systemClock, toAgentwireError } from '@agentwire/core';
import { OPTION, type OptionTable, resolveOptions } from '@agentwire/core/internal';
import type { KernelMessage } from '@agentwire/a2a-router';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { AUTH_ROWS, type NatsBackendOptions } from './backend-options.ts';
import { connectNats } from './connect-nats.ts';
import { fromNatsError } from './nats-errors.ts';
import { parseSubject } from './subject-parts.ts';
import { decodeReceived } from './wire.ts';

/** One message that passed. */
export interface TailedMessage {
  /** Milliseconds since 1970 at which it was seen. */
  readonly at: number;
  /** The subject that it had. */
  readonly subject: string;
  /** Node that sent it. */
  readonly source: string;
  /** The way that it took: `agent`, `node`, `topic`, `service`, `inbox`, `reply` or `dead`. */
  readonly way: string;
  /** Rest of the subject, decoded: node and pid, words of the topic, name of the service. */
  readonly to: readonly string[];
  /** The message; undefined when it could not be read or is the news of a failure. */
  readonly message: KernelMessage | undefined;
  /** Word of what nodes tell each other beside messages: `hello`, `cancel`, `credit`, `taken`, `working`. */
  readonly control: string | undefined;
  /** Reason for the absence of a message. */
  readonly problem: string | undefined;
  /** Messages that were not shown before this one, because they were not taken fast enough. */
  readonly skipped: number;
}

/** Options of {@link tail}. */
export interface TailOptions {
  /** User and password, token, TLS or an authenticator. Its user must be allowed to subscribe to `<prefix>.>`. */
  readonly auth?: NonNullable<NatsBackendOptions['auth']> | undefined;
  /** First word of every subject. Default `a2a`. */
  readonly prefix?: string | undefined;
  /** Ends it. */
  readonly signal?: AbortSignal | undefined;
  /** Messages that wait to be taken at most; then the oldest is skipped and counted. Default 10 000. */
  readonly maxQueued?: number | undefined;
  /** Bytes of the messages that wait to be taken at most, 1 MiB to 1 TiB; then the oldest is skipped and counted. Default 64 MiB. */
  readonly maxQueuedBytes?: number | undefined;
  /** Called once, when it listens. */
  readonly onReady?: (() => void) | undefined;
  /** Time. Default: the system clock. */
  readonly clock?: Clock | undefined;
}

const TABLE: OptionTable<TailOptions> = {
  auth: OPTION.nested(AUTH_ROWS),
  prefix: { check: OPTION.text, default: 'a2a' },
  signal: OPTION.signal,
  maxQueued: { check: OPTION.integer(1, 10_000_000), default: 10_000 },
  maxQueuedBytes: { check: OPTION.integer(1024 ** 2, 1024 ** 4), default: 64 * 1024 ** 2 },
  onReady: OPTION.function,
  clock: { check: OPTION.clock, default: systemClock },
};

/**
 * Every message between nodes as it passes, until `signal` is aborted or the connection ends for good.
 *
 * It only listens: nothing is acknowledged, and no node notices it. Rejects with `ERR_CONNECT` or `ERR_UNAUTHORIZED`.
 */
export async function* tail(
  servers: string | readonly string[],
  options: TailOptions = {},
): AsyncGenerator<TailedMessage, void> {
  const { prefix, clock, maxQueued, maxQueuedBytes } = resolveOptions('tail', options, TABLE);
  const { signal } = options;
  OPTION.oneOrMore(OPTION.text)('servers', servers);
  const connection = await unlessAborted(
    connectNats(servers, { ...options.auth, name: 'agentwire tail', maxReconnectAttempts: -1 }),
    signal,
  );
  if (connection === undefined) return;
  const queue: (readonly [message: TailedMessage, bytes: number])[] = [];
  let queuedBytes = 0;
  let skipped = 0;
  let wake: () => void = () => undefined;
  const state = { ended: signal?.aborted ?? false };
  const end = (): void => {
    state.ended = true;
    wake();
  };
  signal?.addEventListener('abort', end, { once: true });
  let failure: unknown;
  const closed = connection.closed().then(end);
  connection.subscribe(`${prefix}.>`, {
    callback: (error, msg) => {
      if (error === null) {
        const bytes = msg.data.length;
        while (queue.length >= maxQueued || (queue.length > 0 && queuedBytes + bytes > maxQueuedBytes)) {
          queuedBytes -= queue.shift()?.[1] ?? 0;
          skipped += 1;
        }
        queue.push([read(msg, clock.wallNow()), bytes]);
        queuedBytes += bytes;
      } else failure = error;
      if (failure !== undefined) end();
      wake();
    },
  });
  try {
    await connection.flush();
    options.onReady?.();
    while (!state.ended || queue.length > 0) {
      const next = queue.shift();
      if (next === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (state.ended || queue.length > 0) resolve();
        });
        continue;
      }
      const [message, bytes] = next;
      queuedBytes -= bytes;
      const missed = skipped;
      skipped = 0;
      yield missed === 0 ? message : { ...message, skipped: missed };
    }
    if (failure !== undefined) throw fromNatsError(failure, 'tail');
  } finally {
    signal?.removeEventListener('abort', end);
    await connection.close();
    await closed;
  }
}

/** Connection that is being made; undefined when `signal` aborts before, and what comes then is closed. */
async function unlessAborted(
  connecting: Promise<NatsConnection>,
  signal: AbortSignal | undefined,
): Promise<NatsConnection | undefined> {
  if (signal === undefined) return connecting;
  const aborted = Promise.withResolvers<undefined>();
  const onAbort = (): void => aborted.resolve(undefined);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    const connection = await Promise.race([aborted.promise, connecting]);
    if (connection === undefined)
      connecting.then(
        (late) => late.close(),
        () => undefined,
      );
    return connection;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function read(msg: Msg, at: number): TailedMessage {
  const unread = {
    at,
    subject: msg.subject,
    source: '',
    way: '',
    to: [],
    message: undefined,
    control: undefined,
    skipped: 0,
  };
  try {
    const { source, way, rest, target } = parseSubject(msg.subject);
    const about = { ...unread, source, way, to: rest };
    if (msg.headers?.code === 503) return { ...about, problem: 'ERR_NO_RESPONDERS' };
    if (way === 'presence') return { ...about, control: way, problem: undefined };
    if (way === 'node' && target === undefined) return { ...about, control: rest.at(-1), problem: undefined };
    try {
      const received = decodeReceived(msg.string(), { source, target, now: at });
      if (received.kind === 'failure') return { ...about, problem: received.code };
      if (received.kind !== 'message') return { ...about, control: received.kind, problem: undefined };
      return { ...about, message: received.message, problem: undefined };
    } catch (error) {
      return { ...about, problem: toAgentwireError(error, 'ERR_PROTOCOL').message };
    }
  } catch (error) {
    return { ...unread, problem: toAgentwireError(error, 'ERR_PROTOCOL').message };
  }
}
