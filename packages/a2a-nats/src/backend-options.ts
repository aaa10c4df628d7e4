import { AgentwireError, type Clock, type Logger, systemClock } from '@agentwire/core';
import { checkInteger, checkKnownOptions, checkOneOf, silentLogger } from '@agentwire/core/internal';
import { copyAbout } from '@agentwire/a2a-router/internal';
import type { NodeConnectionOptions } from '@nats-io/transport-node';

/** The streams behind durable inboxes. */
export interface DurableStreamOptions {
  /** Names of inboxes of this node that may be sent to before `openInbox`, or that it may not make itself. Default: none. */
  readonly inboxes?: readonly string[];
  /** Messages that one sending node may have waiting in one inbox; the next is `ERR_INBOX_FULL`. Default 1024. */
  readonly maxPerInbox?: number;
  /** Bytes that wait in all inboxes of this node together, which the server reserves; the next message is `ERR_INBOX_FULL`. Default 64 MiB. */
  readonly maxBytes?: number;
  /** Milliseconds after which the server drops messages that were not taken; 0 is never. Default 0. */
  readonly maxAgeMs?: number;
  /** Milliseconds in which a message of the same id or idempotency key is taken once. Default 120 000. */
  readonly duplicateWindowMs?: number;
  /** Servers that keep each message, 1 to 5. Default 1. */
  readonly replicas?: number;
  /** Storage on the server. Default `file`. */
  readonly storage?: 'file' | 'memory';
  /** Delayed messages to this node that wait for their time, 1 to 100 000; the next is `ERR_INBOX_FULL`. Default 10 000. */
  readonly maxDelayed?: number;
  /** Delayed messages that one sending node may have waiting for one inbox, 1 to 100 000; the next is `ERR_INBOX_FULL`. Default 1000. */
  readonly maxDelayedPerNode?: number;
  /**
   * Bytes of those messages, which the server reserves. Default 64 MiB.
   *
   * One of them has at most the `maxDelayedPerNode`th part of half of it, else `ERR_MESSAGE_TOO_LARGE`, so that no sender fills it: 33 554 by default.
   */
  readonly maxDelayedBytes?: number;
  /** Dead letters that the server keeps; the oldest is evicted. Default 10 000. */
  readonly maxDeadLetters?: number;
  /** Dead letters of one inbox that came from one node; its oldest is evicted. Default 1000. */
  readonly maxDeadPerNode?: number;
  /** Bytes of dead letters that the server keeps and reserves; the oldest is evicted. Default 16 MiB. */
  readonly maxDeadBytes?: number;
  /** True when this node makes and changes its streams, for which its user needs the right. Default true. */
  readonly create?: boolean;
}

/** Options of `createNatsBackend`. */
export interface NatsBackendOptions {
  /** Name of this node, 1 to 128 characters; the server should allow its user to publish under this name only. */
  readonly nodeId: string;
  /** Servers, as `nats://HOST:PORT` or `HOST:PORT`. */
  readonly servers: string | readonly string[];
  /** User and password, token, TLS or an authenticator, handed to the NATS client as they are. Default: none. */
  readonly auth?: Pick<NodeConnectionOptions, 'user' | 'pass' | 'token' | 'tls' | 'authenticator'>;
  /** First word of every subject. Default `a2a`. */
  readonly prefix?: string;
  /** Durable inboxes on JetStream. Default: none, and durable messages are refused with `ERR_UNSUPPORTED`. */
  readonly durable?: DurableStreamOptions;
  /** Version of what runs on this node, by the rules of semver; told to other nodes. Default `0.0.0`. */
  readonly version?: string;
  /** Facts about this node for others: at most 64, keys of 256 and values of 1024 bytes at most. Default: none. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Milliseconds between signs of life to other nodes, 50 to 600 000; a node of which three stay out is gone. Default 5000. */
  readonly presenceIntervalMs?: number;
  /** Answers `$SRV.PING`, `$SRV.INFO` and `$SRV.STATS` for its services, as `nats micro` asks them. Default false. */
  readonly micro?: boolean;
  /** Messages from other nodes that may wait for an asynchronous gate, or a full inbox, at once; of one node half. Default 10 000. */
  readonly maxWaiting?: number;
  /** Bytes of those messages; of one node half. Default 64 MiB. */
  readonly maxWaitingBytes?: number;
  /** Milliseconds between attempts to connect again, 10 to 600 000; it never gives up. Default 250. */
  readonly reconnectMs?: number;
  /** Milliseconds between signs of life from the server, 100 to 600 000; two that stay out end the connection. Default 10 000. */
  readonly pingIntervalMs?: number;
  /** Milliseconds that `close` may take, 10 to 600 000; half of it is for answers that are being made. Default 5000. */
  readonly closeTimeoutMs?: number;
  /** Time. Default: the system clock. */
  readonly clock?: Clock;
  /** Told about losses, refusals and connections. Default: silent. */
  readonly logger?: Logger;
}

/** {@link NatsBackendOptions} with everything filled in. */
export type ResolvedNatsBackendOptions = NatsBackendOptions &
  Required<
    Pick<
      NatsBackendOptions,
      | 'prefix'
      | 'presenceIntervalMs'
      | 'micro'
      | 'maxWaiting'
      | 'maxWaitingBytes'
      | 'reconnectMs'
      | 'pingIntervalMs'
      | 'closeTimeoutMs'
      | 'clock'
      | 'logger'
    >
  >;

/** Defaults of {@link NatsBackendOptions}. */
const NATS_BACKEND_DEFAULTS: Readonly<{
  prefix: string;
  presenceIntervalMs: number;
  micro: boolean;
  maxWaiting: number;
  maxWaitingBytes: number;
  reconnectMs: number;
  pingIntervalMs: number;
  closeTimeoutMs: number;
}> = Object.freeze({
  prefix: 'a2a',
  presenceIntervalMs: 5000,
  micro: false,
  maxWaiting: 10_000,
  maxWaitingBytes: 64 * 1024 * 1024,
  reconnectMs: 250,
  pingIntervalMs: 10_000,
  closeTimeoutMs: 5000,
});

/** Defaults of {@link DurableStreamOptions}. */
const DURABLE_STREAM_DEFAULTS: Readonly<Required<DurableStreamOptions>> = Object.freeze({
  inboxes: Object.freeze([]),
  maxPerInbox: 1024,
  maxBytes: 64 * 1024 * 1024,
  maxAgeMs: 0,
  duplicateWindowMs: 120_000,
  replicas: 1,
  storage: 'file',
  maxDelayed: 10_000,
  maxDelayedPerNode: 1000,
  maxDelayedBytes: 64 * 1024 * 1024,
  maxDeadLetters: 10_000,
  maxDeadPerNode: 1000,
  maxDeadBytes: 16 * 1024 * 1024,
  create: true,
});

const KNOWN: readonly string[] =
  'nodeId servers auth prefix durable version metadata presenceIntervalMs micro maxWaiting maxWaitingBytes reconnectMs pingIntervalMs closeTimeoutMs clock logger'.split(
    ' ',
  );

/** Completes backend options with their defaults; throws `ERR_INVALID_ARGUMENT` for what it does not know. */
export function resolveNatsBackendOptions(options: NatsBackendOptions): ResolvedNatsBackendOptions {
  checkKnownOptions('a NATS backend', options, KNOWN);
  const all = { ...NATS_BACKEND_DEFAULTS, clock: systemClock, logger: silentLogger, ...options };
  checkInteger('presenceIntervalMs', all.presenceIntervalMs, 50, 600_000);
  checkInteger('maxWaiting', all.maxWaiting, 1, 10_000_000);
  checkInteger('maxWaitingBytes', all.maxWaitingBytes, 1024, Number.MAX_SAFE_INTEGER);
  if (typeof all.micro !== 'boolean')
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `micro must be true or false, got ${typeof all.micro}`);
  const { version, metadata } = copyAbout('a node', options);
  checkInteger('reconnectMs', all.reconnectMs, 10, 600_000);
  checkInteger('pingIntervalMs', all.pingIntervalMs, 100, 600_000);
  checkInteger('closeTimeoutMs', all.closeTimeoutMs, 10, 600_000);
  if (options.durable !== undefined) resolveDurableStreamOptions(options.durable);
  return { ...all, ...(version === undefined ? {} : { version }), ...(metadata === undefined ? {} : { metadata }) };
}

/** Completes stream options with {@link DURABLE_STREAM_DEFAULTS}. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function resolveDurableStreamOptions(options: DurableStreamOptions): Required<DurableStreamOptions> {
  checkKnownOptions('durable', options, Object.keys(DURABLE_STREAM_DEFAULTS));
  const all = { ...DURABLE_STREAM_DEFAULTS, ...options };
  checkInteger('durable.maxPerInbox', all.maxPerInbox, 1, 100_000_000);
  checkInteger('durable.maxAgeMs', all.maxAgeMs, 0, Number.MAX_SAFE_INTEGER);
  checkInteger('durable.duplicateWindowMs', all.duplicateWindowMs, 100, 86_400_000);
  checkInteger('durable.replicas', all.replicas, 1, 5);
  checkInteger('durable.maxDeadLetters', all.maxDeadLetters, 1, 100_000_000);
  checkInteger('durable.maxDeadPerNode', all.maxDeadPerNode, 1, 100_000_000);
  checkInteger('durable.maxDelayed', all.maxDelayed, 1, 100_000);
  checkInteger('durable.maxDelayedPerNode', all.maxDelayedPerNode, 1, 100_000);
  checkInteger('durable.maxDelayedBytes', all.maxDelayedBytes, 1024, Number.MAX_SAFE_INTEGER);
  checkInteger('durable.maxBytes', all.maxBytes, 1024, Number.MAX_SAFE_INTEGER);
  checkInteger('durable.maxDeadBytes', all.maxDeadBytes, 1024, Number.MAX_SAFE_INTEGER);
  if (!Array.isArray(all.inboxes) || all.inboxes.some((name) => typeof name !== 'string' || name === ''))
    throw new AgentwireError('ERR_INVALID_ARGUMENT', 'durable.inboxes must be a list of names');
  checkOneOf('durable.storage', all.storage, ['file', 'memory']);
  return all;
}
