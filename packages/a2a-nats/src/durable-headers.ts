import { AgentwireError } from '@agentwire/core';
import type { DeadLetterReason } from '@agentwire/a2a-router/internal';
import { headers, type MsgHdrs } from '@nats-io/transport-node';
import { parseSubject, type SubjectParts } from './subject-parts.ts';
import { encodeToken } from './subject-token.ts';

const REPLY = 'Agentwire-Reply';
const REDRIVE = 'Agentwire-Redrive';
const FORWARD = 'Agentwire-Forward';
const WAIT = 'Agentwire-Wait';
const ID = 'Agentwire-Id';
/** Milliseconds that a message may be delayed. */
export const MAX_WAIT_MS: number = 366 * 86_400_000;
const SUBJECT = 'Agentwire-Subject';
const REASON = 'Agentwire-Reason';
const WHY = 'Agentwire-Why';
const SENT = 'Agentwire-Sent';
const MAX_WHY = 500;
/** Reasons of the router, and `handler_failed` where the handler rejected each delivery. */
export type DurableDeadLetterReason = DeadLetterReason | 'handler_failed';

const REASONS: ReadonlySet<string> = new Set<DurableDeadLetterReason>([
  'target_not_found',
  'inbox_full',
  'agent_exited',
  'governance_denied',
  'timeout',
  'handler_failed',
]);

/**
 * Makes the headers of a durable message: where its answer goes, because the server needs the reply subject itself, and of a delayed one how
 * long it waits and its id, by which it can be cancelled.
 */
export function sentHeaders(id: string, replyTo: string | undefined, waitMs: number): MsgHdrs | undefined {
  if (replyTo === undefined && waitMs <= 0) return undefined;
  const about = headers();
  if (replyTo !== undefined) about.set(REPLY, replyTo);
  if (waitMs > 0) {
    about.set(WAIT, String(Math.ceil(waitMs)));
    about.set(ID, encodeToken(id));
  }
  return about;
}

/** Tells whether the headers of a delayed message name an id. */
export function namesId(about: MsgHdrs, id: string): boolean {
  return about.get(ID) === encodeToken(id);
}

/** Reads how long a message waits after the server took it; throws `ERR_PROTOCOL` for what is no such time. */
export function waitOf(about: MsgHdrs | undefined): number {
  const wait = Number(about?.get(WAIT));
  if (Number.isSafeInteger(wait) && wait >= 1 && wait <= MAX_WAIT_MS) return wait;
  throw new AgentwireError('ERR_PROTOCOL', 'a delayed message has no time to wait that can be read');
}

/** Makes the headers of a message whose time has come: its first subject, when the server took it, where its answer goes. */
export function forwardHeaders(subject: string, sentAt: number, replyTo: string | undefined): MsgHdrs {
  const about = headers();
  about.set(FORWARD, subject);
  about.set(SENT, String(sentAt));
  if (replyTo !== undefined && replyTo !== '') about.set(REPLY, replyTo);
  return about;
}

/** Reads where the answer to a durable request goes. */
export function replyOf(about: MsgHdrs | undefined): string | undefined {
  return about?.get(REPLY);
}

/** Description of a message that is given up. */
export interface GivenUp {
  /** Subject that it had at first. */
  readonly subject: string;
  /** Milliseconds since 1970 at which the server took it at first. */
  readonly sentAt: number;
  readonly reason: DurableDeadLetterReason;
  readonly why: string;
  /** Subject of its answer. */
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

/** Reads the headers of a dead letter. @throws AgentwireError `ERR_PROTOCOL` */
export function readDeadHeaders(about: MsgHdrs): { subject: string; reason: DurableDeadLetterReason; why: string } {
  const reason = about.get(REASON);
  if (!REASONS.has(reason)) throw new AgentwireError('ERR_PROTOCOL', 'a dead letter has no reason that can be read');
  return { subject: about.get(SUBJECT), reason: reason as DurableDeadLetterReason, why: about.get(WHY) };
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
  /** True for a dead letter that was put into its inbox again. */
  readonly redriven: boolean;
}

/**
 * Reads where a message in a durable inbox comes from; of one that was put there again, where it came from at first.
 *
 * Only the node itself may publish under its own name, so only its own word for the first subject counts.
 *
 * @throws AgentwireError `ERR_PROTOCOL`
 */
export function readWaiting(subject: string, about: MsgHdrs | undefined, nodeId: string, takenAt: number): Waiting {
  const parts = parseSubject(subject);
  const redriven = about?.get(REDRIVE) ?? '';
  const first = redriven === '' ? (about?.get(FORWARD) ?? '') : redriven;
  if (first === '' || parts.source !== nodeId) return { ...parts, subject, sentAt: takenAt, redriven: false };
  const before = parseSubject(first);
  if (before.way !== 'inbox' || before.node !== parts.node || before.rest[1] !== parts.rest[1])
    throw new AgentwireError('ERR_PROTOCOL', 'a message was put into another inbox than it was sent to');
  const sentAt = Number(about?.get(SENT));
  return {
    ...before,
    subject: first,
    sentAt: Number.isSafeInteger(sentAt) ? sentAt : takenAt,
    redriven: redriven !== '',
  };
}
