import type { KernelMessage } from '../message/message.ts';
import type { Pid } from '../process/pid.ts';

/** Reason for which a message was not received. */
export type DeadLetterReason = 'target_not_found' | 'inbox_full' | 'agent_exited' | 'governance_denied' | 'timeout';

/** One message that a recipient did not get. */
export interface DeadLetter {
  /** Number of the dead letter, for `DeadLetters.redrive`. */
  readonly number: number;
  /** The message itself. */
  readonly message: KernelMessage;
  /** Recipient that it was for; undefined when the target had none, such as a service without owners. */
  readonly recipient: Pid | undefined;
  /** Reason for which it was not received. */
  readonly reason: DeadLetterReason;
  /** Milliseconds since 1970 at which it came here. */
  readonly at: number;
}

/** Filter of `DeadLetters.list`; everything given must hold. */
export interface DeadLetterQuery {
  /** Only letters for this process. */
  readonly recipient?: Pid | undefined;
  /** Only letters with this reason. */
  readonly reason?: DeadLetterReason | undefined;
  /** Number of letters at most, oldest first. Default 100. */
  readonly limit?: number | undefined;
}
