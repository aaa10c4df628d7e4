import { AgentwireError, type ErrorCode } from '@agentwire/core';
import type { KernelMessage } from '../message/message.ts';
import { KERNEL_PID, type Pid } from '../process/pid.ts';
import { DUPLICATE } from './inbox-table.ts';
import { NO_REJECTIONS, type SendReport } from './send-report.ts';

/** Report of a delivery, known at once or later. */
export type Outcome = SendReport | Promise<SendReport>;

/** Adds the place on its topic to a report. */
export function withSequence(outcome: Outcome, sequence: number | undefined): Outcome {
  if (sequence === undefined) return outcome;
  return outcome instanceof Promise ? outcome.then((report) => ({ ...report, sequence })) : { ...outcome, sequence };
}

/** Makes the report for one recipient; throws for a code that refuses it. */
export function settleOne(pid: Pid, message: KernelMessage, code: ErrorCode | undefined): SendReport {
  if (code === undefined) return single(message);
  if (code !== DUPLICATE) throw refusal(code, pid);
  return { messageId: message.id, delivered: 0, rejected: NO_REJECTIONS, remote: 0, duplicates: 1 };
}

/** Makes the report of a message that its one recipient has. */
export function single(message: KernelMessage): SendReport {
  return { messageId: message.id, delivered: 1, rejected: NO_REJECTIONS, remote: 0 };
}

/** Report of an answer to a request that has ended: it is not delivered, to the inbox of the asker either. */
export function requestEnded({ id, target }: KernelMessage): SendReport {
  const inner = target.kind === 'remoteNode' ? target.target : target;
  const pid = inner.kind === 'process' ? inner.pid : KERNEL_PID;
  return { messageId: id, delivered: 0, rejected: [{ pid, code: 'ERR_REQUEST_ENDED' }], remote: 0 };
}

const REFUSALS: Partial<Record<ErrorCode, string>> = {
  ERR_PROCESS_NOT_FOUND: 'no process has that pid',
  ERR_NO_INBOX: 'the process has no inbox',
  ERR_INBOX_CLOSED: 'the process has exited',
  ERR_INBOX_FULL: 'the inbox is full',
  ERR_TIMEOUT: 'the inbox stayed full',
  ERR_DUPLICATE_REQUEST: 'it had one with that idempotencyKey before',
};

/** Makes the error for a recipient that did not get a message. */
export function refusal(code: ErrorCode, pid: Pid): AgentwireError {
  return new AgentwireError(code, `process ${pid} did not get the message: ${REFUSALS[code] ?? code}`, {
    detail: { pid },
  });
}
