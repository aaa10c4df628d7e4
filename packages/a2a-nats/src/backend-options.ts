import { AgentwireError, type Clock, type Logger, systemClock } from '@agentwire/core';
import {
  countAllRepeats,
  OPTION,
  type OptionRows,
  type Resolved,
  resolveOptions,
  silentLogger,
} from '@agentwire/core/internal';
import { copyAbout } from '@agentwire/a2a-router/internal';
import type { NodeConnectionOptions } from '@nats-io/transport-node';

/** The streams behind durable inboxes. */
export interface DurableStreamOptions {
  /** Names of inboxes of this node that may be sent to before `openInbox`, or that it may not make itself. Default: none. */
  readonly inboxes?: readonly string[] | undefined;
  /** Messages that one sending node may have waiting in one inbox; the next is `ERR_INBOX_FULL`. Default 1024. */
  readonly maxPerInbox?: number | undefined;
  /** Bytes that wait in all inboxes of this node together, which the server reserves; the next message is `ERR_INBOX_FULL`. Default 64 MiB. */
  readonly maxBytes?: number | undefined;
  /** Milliseconds after which the server drops messages that were not taken; 0 is never. Default 0. */
  readonly maxAgeMs?: number | undefined;
  /** Milliseconds in which a message of the same id or idempotency key is taken once. Default 120 000. */
  readonly duplicateWindowMs?: number | undefined;
  /** Servers that keep each message, 1 to 5. Default 1. */
  readonly replicas?: number | undefined;
  /** Storage on the server. Default `file`. */
  readonly storage?: 'file' | 'memory' | undefined;
  /** Delayed messages to this node that wait for their time, 1 to 100 000; the next is `ERR_INBOX_FULL`. Default 10 000. */
  readonly maxDelayed?: number | undefined;
  /** Delayed messages that one sending node may have waiting for one inbox, 1 to 100 000; the next is `ERR_INBOX_FULL`. Default 1000. */
  readonly maxDelayedPerNode?: number | undefined;
  /**
   * Bytes of those messages, which the server reserves. Default 64 MiB.
   *
   * One of them has at most the `maxDelayedPerNode`th part of half of it, else `ERR_MESSAGE_TOO_LARGE`, so that no sender fills it: 33 554 by default.
   */
  readonly maxDelayedBytes?: number | undefined;
  /** Dead letters that the server keeps; the oldest is evicted. Default 10 000. */
  readonly maxDeadLetters?: number | undefined;
  /** Dead letters of one inbox that came from one node; its oldest is evicted. Default 1000. */
  readonly maxDeadPerNode?: number | undefined;
  /** Bytes of dead letters that the server keeps and reserves; the oldest is evicted. Default 16 MiB. */
  readonly maxDeadBytes?: number | undefined;
  /** True when this node makes and changes its streams, for which its user needs the right; with false, one that only sends to inboxes of others needs none. Default true. */
  readonly create?: boolean | undefined;
}

/** Options of `createNatsBackend`. */
export interface NatsBackendOptions {
  /** Name of this node, 1 to 128 characters; the server should allow its user to publish under this name only. */
  readonly nodeId: string;
  /** Servers, as `nats://HOST:PORT` or `HOST:PORT`. */
  readonly servers: string | readonly string[];
  /** User and password, token, TLS or an authenticator, handed to the NATS client as they are. Default: none. */
  readonly auth?: Pick<NodeConnectionOptions, 'user' | 'pass' | 'token' | 'tls' | 'authenticator'> | undefined;
  /** First word of every subject. Default `a2a`. */
  readonly prefix?: string | undefined;
  /** Durable inboxes on JetStream. Default: none, and durable messages are refused with `ERR_UNSUPPORTED`. */
  readonly durable?: DurableStreamOptions | undefined;
  /** Version of what runs on this node, by the rules of semver; told to other nodes. Default `0.0.0`. */
  readonly version?: string | undefined;
  /** Facts about this node for others: at most 64, keys of 256 and values of 1024 bytes at most. Default: none. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Milliseconds between signs of life to other nodes, 50 to 600 000; a node of which three stay out is gone. Default 5000. */
  readonly presenceIntervalMs?: number | undefined;
  /** Answers `$SRV.PING`, `$SRV.INFO` and `$SRV.STATS` for its services, as `nats micro` asks them. Default false. */
  readonly micro?: boolean | undefined;
  /** Messages from other nodes that may wait for an asynchronous gate, or a full inbox, at once; of one node half. Default 10 000. */
  readonly maxWaiting?: number | undefined;
  /** Bytes of those messages; of one node half. Default 64 MiB. */
  readonly maxWaitingBytes?: number | undefined;
  /** Bytes, roughly, that may wait for a server that reads too slowly; the next message is `ERR_OVERLOADED`, which is retryable. Default 64 MiB. */
  readonly maxUnsentBytes?: number | undefined;
  /** Milliseconds between attempts to connect again, 10 to 600 000; it never gives up. Default 250. */
  readonly reconnectMs?: number | undefined;
  /** Milliseconds between signs of life from the server, 100 to 600 000; two that stay out end the connection. Default 10 000. */
  readonly pingIntervalMs?: number | undefined;
  /** Milliseconds that `close` may take, 10 to 600 000; half of it is for answers that are being made. Default 5000. */
  readonly closeTimeoutMs?: number | undefined;
  /** Time. Default: the system clock. */
  readonly clock?: Clock | undefined;
  /** Told about losses, refusals and connections. Default: silent. */
  readonly logger?: Logger | undefined;
}

type WithDefault =
  | 'prefix'
  | 'presenceIntervalMs'
  | 'micro'
  | 'maxWaiting'
  | 'maxWaitingBytes'
  | 'maxUnsentBytes'
  | 'reconnectMs'
  | 'pingIntervalMs'
  | 'closeTimeoutMs'
  | 'clock'
  | 'logger';

/** {@link NatsBackendOptions} with every default filled in. */
export type ResolvedNatsBackendOptions = Omit<NatsBackendOptions, WithDefault> &
  Pick<Resolved<NatsBackendOptions>, WithDefault>;

const bytes = OPTION.integer(1024, Number.MAX_SAFE_INTEGER);
const letters = OPTION.integer(1, 100_000_000);
const delayed = OPTION.integer(1, 100_000);

const DURABLE_ROWS: OptionRows<DurableStreamOptions> = {
  inboxes: { check: OPTION.listOf(OPTION.text), default: Object.freeze([]) },
  maxPerInbox: { check: letters, default: 1024 },
  maxBytes: { check: bytes, default: 64 * 1024 * 1024 },
  maxAgeMs: { check: OPTION.integer(0, Number.MAX_SAFE_INTEGER), default: 0 },
  duplicateWindowMs: { check: OPTION.integer(100, 86_400_000), default: 120_000 },
  replicas: { check: OPTION.integer(1, 5), default: 1 },
  storage: { check: OPTION.oneOf('file', 'memory'), default: 'file' },
  maxDelayed: { check: delayed, default: 10_000 },
  maxDelayedPerNode: { check: delayed, default: 1000 },
  maxDelayedBytes: { check: bytes, default: 64 * 1024 * 1024 },
  maxDeadLetters: { check: letters, default: 10_000 },
  maxDeadPerNode: { check: letters, default: 1000 },
  maxDeadBytes: { check: bytes, default: 16 * 1024 * 1024 },
  create: { check: OPTION.boolean, default: true },
};

/** Rows of how a client signs in; the values are the client's own, and are never shown. */
export const AUTH_ROWS: OptionRows<NonNullable<NatsBackendOptions['auth']>> = {
  user: { check: OPTION.secret },
  pass: { check: OPTION.secret },
  token: { check: OPTION.secret },
  tls: { check: (name, value) => (value === null ? undefined : OPTION.object(name, value)) },
  authenticator: { check: OPTION.oneOrMore(OPTION.function) },
};

const ROWS: OptionRows<NatsBackendOptions> = {
  nodeId: { check: OPTION.text },
  servers: { check: OPTION.oneOrMore(OPTION.text) },
  auth: { check: OPTION.nested(AUTH_ROWS) },
  prefix: { check: OPTION.text, default: 'a2a' },
  durable: { check: OPTION.nested(DURABLE_ROWS) },
  version: { check: OPTION.text },
  metadata: { check: OPTION.object },
  presenceIntervalMs: { check: OPTION.integer(50, 600_000), default: 5000 },
  micro: { check: OPTION.boolean, default: false },
  maxWaiting: { check: OPTION.integer(1, 10_000_000), default: 10_000 },
  maxWaitingBytes: { check: bytes, default: 64 * 1024 * 1024 },
  maxUnsentBytes: { check: bytes, default: 64 * 1024 * 1024 },
  reconnectMs: { check: OPTION.integer(10, 600_000), default: 250 },
  pingIntervalMs: { check: OPTION.integer(100, 600_000), default: 10_000 },
  closeTimeoutMs: { check: OPTION.integer(10, 600_000), default: 5000 },
  clock: { check: OPTION.clock, default: systemClock },
  logger: { check: OPTION.logger, default: silentLogger },
};

/** Checks the options of a backend and fills in the defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function resolveNatsBackendOptions(options: NatsBackendOptions): ResolvedNatsBackendOptions {
  const all = resolveOptions('a NATS backend', options, ROWS);
  OPTION.text('nodeId', options.nodeId);
  if (options.servers === undefined || options.servers.length === 0)
    throw new AgentwireError('ERR_INVALID_ARGUMENT', 'servers must name one server at least, such as nats://HOST:4222');
  return { ...all, ...copyAbout('a node', options), logger: countAllRepeats(all.logger, all.clock) };
}

/** Checks the options of streams and fills in the defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function resolveDurableStreamOptions(options: DurableStreamOptions): Resolved<DurableStreamOptions> {
  return resolveOptions('durable', options, DURABLE_ROWS);
}
