import type { KernelMessage } from '@agentwire/a2a-router';
import type { StoredMsg } from '@nats-io/jetstream';
import { type DurableDeadLetterReason, readDeadHeaders } from './durable-headers.ts';
import { parseSubject } from './subject-parts.ts';
import { decodeReceived } from './wire.ts';

/** A message of a durable inbox that was given up. */
export interface DurableDeadLetter {
  /** Its number in the stream of dead letters, for `redrive`. */
  readonly sequence: number;
  /** Reason for giving it up: refused, not readable, failed too often, or not acknowledged in time. */
  readonly reason: DurableDeadLetterReason;
  /** The last error in words. */
  readonly why: string;
  /** Node that sent it. */
  readonly source: string;
  /** The message; undefined when it cannot be read. */
  readonly message: KernelMessage | undefined;
}

/** Reads a dead letter as the server keeps it; what its text is, is undefined when it cannot be read. */
export function readDeadLetter(stored: StoredMsg): DurableDeadLetter {
  const { subject, reason, why } = readDeadHeaders(stored.header);
  const about = { sequence: stored.seq, reason, why };
  try {
    const { source, target } = parseSubject(subject);
    try {
      const received = decodeReceived(stored.string(), { source, target, now: stored.time.getTime() });
      return { ...about, source, message: received.kind === 'message' ? received.message : undefined };
    } catch {
      return { ...about, source, message: undefined };
    }
  } catch {
    return { ...about, source: '', message: undefined };
  }
}
