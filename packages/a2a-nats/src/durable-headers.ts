import { AgentwireError } from '@agentwire/core';
import type { DeadLetterReason } from '@agentwire/a2a-router';
import { headers, type MsgHdrs } from '@nats-io/transport-node';
import { parseSubject, type SubjectParts } from './subject-parts.ts';

const REPLY = 'Agentwire-Reply';
const REDRIVE = 'Agentwire-Redrive';
const SUBJECT = 'Agentwire-Subject';
const REASON = 'Agentwire-Reason';
const WHY = 'Agentwire-Why';
const SENT = 'Agentwire-Sent';
const MAX_WHY = 500;
const REASONS = new Set<string>(['target_not_found', 'inbox_full', 'agent_exited', 'governance_denied', 'timeout']);

/** Makes the headers of a durable request: the server needs the reply subject of the message itself. */
export function requestHeaders(replyTo: string): MsgHdrs {
  const about = headers();
  about.set(REPLY, replyTo);
  return about;
}

/** Reads where the answer to a durable request goes. */
export function replyOf(about: MsgHdrs | undefined): string | undefined {
  return about?.get(REPLY);
}

/** What is known of a message that is given up. */
export interface GivenUp {
  /** Subject that it had at first. */
  readonly subject: string;
  /** Milliseconds since 1970 at which the server took it at first. */
  readonly sentAt: number;
  readonly reason: DeadLetterReason;
  readonly why: string;
  /** Where its answer goes. */
  readonly replyTo: string | undefined;
}

/** Makes the headers of a dead letter. */
export function deadHeaders({ subject, sentAt, reason, why, replyTo }: GivenUp): MsgHdrs {
  const about = headers();
  about.set(SENT, String(sentAt));
  about.set(REASON, reason);
  about.set(WHY, why.replaceAll(/[^ -~]/g, ' ').slice(0, MAX_WHY));
  about.set(SUBJECT, subject);
  if (replyTo !== undefined && replyTo !== '') about.set(REPLY, replyTo);
  return about;
}

/** Reads the headers of a dead letter. */
export function readDeadHeaders(about: MsgHdrs): { subject: string; reason: DeadLetterReason; why: string } {
  const reason = about.get(REASON);
  if (!REASONS.has(reason)) throw new AgentwireError('ERR_PROTOCOL', 'a dead letter has no reason that can be read');
  return { subject: about.get(SUBJECT), reason: reason as DeadLetterReason, why: about.get(WHY) };
}

/** Makes the headers of a dead letter that goes to its inbox again. */
export function redriveHeaders(dead: MsgHdrs): MsgHdrs {
  const about = headers();
  about.set(REDRIVE, dead.get(SUBJECT));
  about.set(SENT, dead.get(SENT));
  const reply = dead.get(REPLY);
  if (reply !== '') about.set(REPLY, reply);
  return about;
}

/** A message in a durable inbox, before its text is read. */
export interface Waiting extends SubjectParts {
  /** Subject that it had at first. */
  readonly subject: string;
  /** Milliseconds since 1970 at which the server took it at first. */
  readonly sentAt: number;
  /** Whether it was a dead letter and put into its inbox again. */
  readonly redriven: boolean;
}

/**
 * Reads where a message in a durable inbox comes from; of one that was put there again, where it came from at first.
 *
 * Only the node itself may publish under its own name, so only its own word for the first subject counts.
 */
export function readWaiting(subject: string, about: MsgHdrs | undefined, nodeId: string, takenAt: number): Waiting {
  const parts = parseSubject(subject);
  const first = about?.get(REDRIVE) ?? '';
  if (first === '' || parts.source !== nodeId) return { ...parts, subject, sentAt: takenAt, redriven: false };
  const before = parseSubject(first);
  if (before.way !== 'inbox' || before.node !== parts.node || before.rest[1] !== parts.rest[1])
    throw new AgentwireError('ERR_PROTOCOL', 'a message was put into another inbox than it was sent to');
  const sentAt = Number(about?.get(SENT));
  return { ...before, subject: first, sentAt: Number.isSafeInteger(sentAt) ? sentAt : takenAt, redriven: true };
}
