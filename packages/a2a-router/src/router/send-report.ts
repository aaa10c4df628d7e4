import type { ErrorCode } from '@agentwire/core';
import type { Pid } from '../process/pid.ts';

/** One recipient that did not get a message, and why. */
export interface Rejection {
  /** Recipient that did not get it. */
  readonly pid: Pid;
  /** Reason. */
  readonly code: ErrorCode;
}

/** Outcome of a send. */
export interface SendReport {
  /** Id of the message. */
  readonly messageId: string;
  /** Recipients in this process that have it now. */
  readonly delivered: number;
  /** Recipients that do not, each with the reason. */
  readonly rejected: readonly Rejection[];
  /** Messages handed to other nodes; what happened there is not known here. */
  readonly remote: number;
  /** Reason for which the message could not be handed to other nodes, although recipients in this process have it or were asked. */
  readonly remoteError?: ErrorCode;
  /** Recipients in this process that had a message with that idempotency key already, so that they did not get this one. */
  readonly duplicates?: number;
  /** Sequence of the message on its topic, when the topic remembers messages; `subscribe` takes it as `fromSequence`. */
  readonly sequence?: number;
}

/** @internal The list that every report without a rejection shares. */
export const NO_REJECTIONS: readonly Rejection[] = Object.freeze([]);

/** Report that is known at once or later; what fails at once is thrown. */
export type SendOutcome = SendReport | Promise<SendReport>;
