import type { KernelMessage } from '../message/message.ts';
import type { Pid } from '../process/pid.ts';
import type { PendingRequest } from './pending-request.ts';
import type { SendReport } from './send-report.ts';
import type { Sender } from './sender-admission.ts';

/** Takes a message instead of delivery. */
export interface DirectHandler {
  /** False for answers, which are free and go back whatever the scope of their sender. */
  readonly scoped: boolean;
  /** Takes it. */
  readonly take: (message: KernelMessage) => Promise<SendReport>;
}

/** Circumstances of one send, besides the fields of its message. */
export interface SendContext {
  /** The request that it asks. */
  readonly waiting?: PendingRequest | undefined;
  /** The request that it answers, when the answered message carries it. */
  readonly answers?: PendingRequest | undefined;
  /** Sender on another node that was admitted just now; `acceptRemote` is asked once less. */
  readonly sender?: Sender | undefined;
  /** Wall time that was read for this send just now; a clock read less. */
  readonly checkedAt?: number | undefined;
  /** Takes it instead of delivery. */
  readonly take?: DirectHandler | undefined;
  /** True for the answer to a message whose sender waits in `request`: it is for that request alone. */
  readonly isReply?: boolean | undefined;
  /** The one recipient of a dead letter that is sent again. */
  readonly redriveTo?: Pid | undefined;
}

/** @internal A plain message. */
export const PLAIN: SendContext = Object.freeze({});
