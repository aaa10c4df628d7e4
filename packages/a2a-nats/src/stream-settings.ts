import { DiscardPolicy, RetentionPolicy, StorageType, type StreamConfig } from '@nats-io/jetstream';
import type { Resolved } from '@agentwire/core/internal';
import type { DurableStreamOptions } from './backend-options.ts';
import { nodeToken } from './subject-words.ts';
import type { Subjects } from './subjects.ts';

const NANOS = 1_000_000;

/** Streams of a node. */
export type StreamKind = 'inbox' | 'dead' | 'later';
/** Configuration that a stream is to have. */
export type WantedStream = Pick<StreamConfig, 'name' | 'subjects'> & Partial<StreamConfig>;

/** Names of options in the configuration of a stream, so that errors name the option. */
export const STREAM_SETTINGS: readonly (readonly [
  keyof DurableStreamOptions,
  keyof StreamConfig,
  StreamKind | 'all',
])[] = [
  ['maxPerInbox', 'max_msgs_per_subject', 'inbox'],
  ['maxBytes', 'max_bytes', 'inbox'],
  ['maxAgeMs', 'max_age', 'inbox'],
  ['duplicateWindowMs', 'duplicate_window', 'inbox'],
  ['maxDelayed', 'max_msgs', 'later'],
  ['maxDelayedPerNode', 'max_msgs_per_subject', 'later'],
  ['maxDelayedPerNode', 'max_msg_size', 'later'],
  ['maxDelayedBytes', 'max_bytes', 'later'],
  ['maxDelayedBytes', 'max_msg_size', 'later'],
  ['maxDeadLetters', 'max_msgs', 'dead'],
  ['maxDeadPerNode', 'max_msgs_per_subject', 'dead'],
  ['maxDeadBytes', 'max_bytes', 'dead'],
  ['replicas', 'num_replicas', 'all'],
  ['storage', 'storage', 'all'],
];

/** The names of the streams of a node: what waits in its durable inboxes, what was given up there, and what waits for its time. */
export function streamNames(prefix: string, nodeId: string): Readonly<Record<StreamKind, string>> {
  const node = nodeToken(nodeId);
  const first = prefix.toUpperCase();
  return { inbox: `${first}_INBOX_${node}`, dead: `${first}_DEAD_${node}`, later: `${first}_LATER_${node}` };
}

/** Configurations of the streams of a node, by its options. */
export class StreamSettings {
  readonly #names: Readonly<Record<StreamKind, string>>;
  readonly #subjects: Subjects;
  readonly #options: Resolved<DurableStreamOptions>;

  constructor(
    names: Readonly<Record<StreamKind, string>>,
    subjects: Subjects,
    options: Resolved<DurableStreamOptions>,
  ) {
    this.#names = names;
    this.#subjects = subjects;
    this.#options = options;
  }

  /** Stream of delayed messages to these inboxes. */
  later(names: readonly string[]): WantedStream {
    const { maxDelayed, maxDelayedPerNode, maxDelayedBytes, duplicateWindowMs } = this.#options;
    return {
      name: this.#names.later,
      subjects: names.map((name) => this.#subjects.anyLater(name)),
      retention: RetentionPolicy.Workqueue,
      discard: DiscardPolicy.New,
      discard_new_per_subject: true,
      max_msgs: maxDelayed,
      max_msgs_per_subject: Math.min(maxDelayedPerNode, maxDelayed),
      // the most that one sender may have waiting is half of the bytes.
      max_msg_size: Math.max(1, Math.floor(maxDelayedBytes / 2 / maxDelayedPerNode)),
      max_bytes: maxDelayedBytes,
      duplicate_window: duplicateWindowMs * NANOS,
      ...this.#everywhere(),
    };
  }

  /** Stream of what waits in these inboxes. */
  inbox(names: readonly string[]): WantedStream {
    const { maxPerInbox, maxAgeMs, duplicateWindowMs, maxBytes } = this.#options;
    return {
      name: this.#names.inbox,
      subjects: names.flatMap((name) => this.#inboxSubjects(name)),
      retention: RetentionPolicy.Workqueue,
      discard: DiscardPolicy.New,
      discard_new_per_subject: true,
      max_msgs_per_subject: maxPerInbox,
      max_age: maxAgeMs * NANOS,
      max_bytes: maxBytes,
      duplicate_window: duplicateWindowMs * NANOS,
      ...this.#everywhere(),
    };
  }

  /** The empty name, which no inbox has, only keeps the stream from being one without subjects. */
  #inboxSubjects(name: string): string[] {
    const normal = this.#subjects.anyInbox(name);
    return name === '' ? [normal] : [normal, this.#subjects.anyInbox(name, true)];
  }

  /** Stream of dead letters. */
  dead(): WantedStream {
    const { maxDeadLetters, maxDeadPerNode, maxDeadBytes } = this.#options;
    return {
      name: this.#names.dead,
      subjects: [this.#subjects.anyDead()],
      retention: RetentionPolicy.Limits,
      discard: DiscardPolicy.Old,
      max_msgs: maxDeadLetters,
      max_msgs_per_subject: maxDeadPerNode,
      max_bytes: maxDeadBytes,
      ...this.#everywhere(),
    };
  }

  #everywhere(): Pick<StreamConfig, 'num_replicas' | 'storage'> {
    const { replicas, storage } = this.#options;
    return { num_replicas: replicas, storage: storage === 'memory' ? StorageType.Memory : StorageType.File };
  }
}
