import type { ErrorCode } from '@agentwire/core';
import type { OfferOutcome } from '../inbox/inbox.ts';
import type { KernelMessage } from '../message/message.ts';
import type { Pid } from '../process/pid.ts';
import type { Outcome } from './delivery-report.ts';
import { DUPLICATE, type InboxTable } from './inbox-table.ts';
import type { PendingRequest } from './pending-request.ts';
import { NO_REJECTIONS, type Rejection, type SendReport } from './send-report.ts';

/** Delivers a topic or broadcast to each process but its sender; the report says who could not have it and why. */
export function deliverToMany(
  inboxes: InboxTable,
  pids: readonly Pid[],
  message: KernelMessage,
  allowed: (pid: Pid) => boolean,
  waiting: PendingRequest | undefined,
): Outcome {
  let delivered = 0;
  let duplicates = 0;
  let rejected: Rejection[] | undefined;
  let slow: Promise<void>[] | undefined;
  const settle = (pid: Pid, code: ErrorCode | undefined): void => {
    if (code === undefined) delivered += 1;
    else if (code === DUPLICATE) duplicates += 1;
    else (rejected ??= []).push({ pid, code });
  };
  const sender = message.fromNode === undefined ? message.from : -1;
  for (const pid of pids) {
    if (pid === sender) continue;
    const outcome: OfferOutcome = allowed(pid) ? inboxes.offer(pid, message, waiting) : 'ERR_CAPABILITY_DENIED'; // no dead letter: it was never for that process
    if (outcome instanceof Promise) (slow ??= []).push(outcome.then((code) => settle(pid, code)));
    else settle(pid, outcome);
  }
  const report = (): SendReport => {
    const base = { messageId: message.id, delivered, rejected: rejected ?? NO_REJECTIONS, remote: 0 };
    return duplicates === 0 ? base : { ...base, duplicates };
  };
  return slow === undefined ? report() : Promise.all(slow).then(report);
}
