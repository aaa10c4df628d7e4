import { AgentwireError, type Clock, type Logger, toAgentwireError } from '@agentwire/core';
import type { ChainManager } from '../chain/chain-manager.ts';
import { askGate } from '../gate/ask-gate.ts';
import type { GateBackend, GateDecision } from '../gate/gate.ts';
import type { DeadLetterReason, DeadLetters } from '../inbox/dead-letters.ts';
import type { KernelMessage } from '../message/message.ts';
import type { CapabilityChecker } from '../process/capability-checker.ts';
import { KERNEL_PID, type Pid } from '../process/pid.ts';
import { recordFailure, recordIntent, recordOutcome } from './audit.ts';
import type { Delivery } from './delivery.ts';
import type { Observer } from './observer.ts';
import type { ParkedMessages } from './parked-messages.ts';
import type { PendingRequest, PendingRequests } from './pending-requests.ts';
import type { RemoteRequests } from './remote-requests.ts';
import { NO_REJECTIONS, type SendReport } from './send-report.ts';
import type { Sender, SenderAdmission } from './sender-admission.ts';

/** Known at once or later; what fails at once is thrown. */
export type SendOutcome = SendReport | Promise<SendReport>;

/** What the way of a message is made of. */
export interface SendPathParts {
  readonly admission: SenderAdmission;
  readonly checker: CapabilityChecker;
  readonly delivery: Delivery;
  readonly pending: PendingRequests;
  readonly parked: ParkedMessages;
  readonly deadLetters: DeadLetters;
  readonly remoteRequests: RemoteRequests;
  readonly gate: () => GateBackend | undefined;
  readonly gateTimeoutMs: number;
  readonly deferMode: 'mark' | 'park';
  /** Throws `ERR_CLOSED` once the router has ended. */
  readonly checkOpen: () => void;
  /** Measures and traces; undefined when nobody wants it. */
  readonly observer: Observer | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Takes a message instead of delivery. */
export interface Taker {
  /** False for answers, which are free and go back whatever the scope of their sender. */
  readonly scoped: boolean;
  /** Takes it. */
  readonly take: (message: KernelMessage) => Promise<SendReport>;
}

/** What one message is sent for, besides its own fields. */
export interface Errand {
  /** The request that it asks. */
  readonly waiting?: PendingRequest | undefined;
  /** The request that it answers, when the answered message carries it. */
  readonly answers?: PendingRequest | undefined;
  /** Sender on another node that was admitted just now; `acceptRemote` is asked once less. */
  readonly sender?: Sender | undefined;
  /** Wall time that was read for this send just now; a clock read less. */
  readonly checkedAt?: number | undefined;
  /** Takes it instead of delivery. */
  readonly take?: Taker | undefined;
  /** True for the answer to a message whose sender waits in `request`: it is for that wait and for nobody else. */
  readonly isReply?: boolean | undefined;
  /** The one recipient of a dead letter that is sent again. */
  readonly redriveTo?: Pid | undefined;
}

/** @internal A plain message. */
export const PLAIN: Errand = Object.freeze({});

/** The way of every message: sender, state, quota, gate, answer, scope, delivery; audited if there is a chain. */
export class SendPath {
  readonly #parts: SendPathParts;

  constructor(parts: SendPathParts) {
    this.#parts = parts;
  }

  /** Sends without a promise where nothing has to be waited for. */
  dispatch(message: KernelMessage, chain: ChainManager | undefined, errand: Errand): SendOutcome {
    const { observer } = this.#parts;
    if (observer === undefined) return this.#audited(message, chain, errand);
    // A dead letter that is sent again stays as it was.
    return observer.send(message, errand.redriveTo === undefined, () => this.#audited(message, chain, errand));
  }

  #audited(message: KernelMessage, chain: ChainManager | undefined, errand: Errand): SendOutcome {
    if (chain === undefined) return this.#route(message, errand);
    recordIntent(chain, message, errand.redriveTo);
    if (chain.fsync === 'always') return this.#durably(message, chain, errand);
    let outcome: SendOutcome;
    try {
      outcome = this.#route(message, errand);
    } catch (error) {
      throw failed(chain, message, error);
    }
    if (outcome instanceof Promise) return this.#later(message, chain, outcome);
    recordOutcome(chain, outcome);
    return outcome;
  }

  async #later(message: KernelMessage, chain: ChainManager, outcome: Promise<SendReport>): Promise<SendReport> {
    let report: SendReport;
    try {
      report = await outcome;
    } catch (error) {
      const wrong = failed(chain, message, error);
      if (chain.fsync === 'always') await chain.durable();
      throw wrong;
    }
    recordOutcome(chain, report);
    return report;
  }

  /** Nothing is delivered before its intent is on the disk, and nothing is reported before its outcome is. */
  async #durably(message: KernelMessage, chain: ChainManager, errand: Errand): Promise<SendReport> {
    await chain.durable();
    const report = await this.#later(
      message,
      chain,
      settled(() => this.#route(message, errand)),
    );
    await chain.durable();
    return report;
  }

  #route(message: KernelMessage, errand: Errand): SendOutcome {
    const { admission, checkOpen, gateTimeoutMs, clock, logger } = this.#parts;
    checkOpen();
    const answers = errand.take?.scoped === false || this.#answers(message, errand);
    const redriven = errand.redriveTo !== undefined;
    const sender = errand.sender ?? this.#admit(message, answers, redriven);
    this.#checkInTime(message, errand);
    if (!answers && !redriven) {
      const refusal = admission.count(message, sender);
      if (refusal !== undefined) throw this.#refused(message, errand, refusal);
    }
    const gate = this.#parts.gate();
    if (gate === undefined) return this.#pass(message, sender, errand, answers);
    const decision = askGate(gate, sender.agentId, message, { timeoutMs: gateTimeoutMs, clock, logger });
    if (decision instanceof Promise) return decision.then((late) => this.#decided(message, late, errand, answers));
    return this.#decided(message, decision, errand, answers, sender);
  }

  /** `sender` is absent when somebody thought about it, because everything may have changed meanwhile. */
  #decided(
    message: KernelMessage,
    decision: GateDecision,
    errand: Errand,
    answers: boolean,
    sender?: Sender,
  ): SendOutcome {
    if (decision.kind === 'defer' && this.#parts.deferMode === 'park') {
      return this.#parts.parked.park(message).then((final) => this.#decided(message, final, errand, answers));
    }
    if (sender === undefined) {
      this.#parts.checkOpen();
      this.#checkWanted(errand);
    }
    if (decision.kind !== 'permit' && decision.kind !== 'defer') {
      const { reason } = decision;
      throw this.#refused(message, errand, `the gate denied the message: ${reason}`, { reason });
    }
    const current = sender ?? this.#admit(message, answers, errand.redriveTo !== undefined);
    if (sender === undefined) this.#checkInTime(message, { ...errand, checkedAt: undefined });
    const judged = decision.kind === 'defer' ? { ...message, deferred: true } : message;
    return this.#pass(judged, current, errand, answers);
  }

  #pass(message: KernelMessage, sender: Sender, errand: Errand, answers: boolean): SendOutcome {
    const { pending, remoteRequests, checker, delivery } = this.#parts;
    const { waiting, take, redriveTo } = errand;
    this.#checkWanted(errand);
    if (take?.scoped === false) return take.take(message);
    if (answers) {
      if (pending.complete(message, errand.answers)) return delivered(message);
      const answered = remoteRequests.complete(message);
      if (answered !== undefined) return answered;
    }
    const isLate = answers || errand.isReply === true;
    // A part of a stream is never a message of its own, so no scope has to be asked about it.
    if (isLate && message.streamed !== undefined) return requestEnded(message);
    try {
      checker.checkTarget(sender, message.target);
    } catch (error) {
      if (!isLate) this.#bury(message, errand, 'governance_denied');
      throw error;
    }
    if (isLate) return requestEnded(message);
    if (take !== undefined) return take.take(message);
    if (redriveTo !== undefined) return delivery.redeliver(redriveTo, message, sender);
    return delivery.deliver(message, message.target, sender, waiting);
  }

  /** Tells whether a message answers somebody who waits, here or on another node: it is free, and passes any scope. */
  #answers(message: KernelMessage, errand: Errand): boolean {
    if (message.correlationId === undefined) return false;
    const { pending, remoteRequests } = this.#parts;
    return pending.answered(message, errand.answers) !== undefined || remoteRequests.answers(message);
  }

  #admit(message: KernelMessage, answers: boolean, redriven: boolean): Sender {
    const admitted = this.#parts.admission.admit(message, answers, redriven);
    if (admitted instanceof AgentwireError) throw admitted;
    return admitted;
  }

  /** Admits a sender on another node; throws `ERR_CAPABILITY_DENIED` for one that `acceptRemote` refuses, of whose message nothing is kept. */
  admitRemote(message: KernelMessage): Sender {
    this.#parts.checkOpen();
    return this.#admit(message, false, false);
  }

  #checkInTime(message: KernelMessage, errand: Errand): void {
    const { deadline } = message;
    if (deadline === undefined || deadline > (errand.checkedAt ?? this.#parts.clock.wallNow())) return;
    this.#bury(message, errand, 'timeout');
    throw new AgentwireError('ERR_TIMEOUT', 'the deadline of the message has passed', { detail: { id: message.id } });
  }

  /** Throws for a request that has ended meanwhile: nobody would take its answer, so nobody gets it. */
  #checkWanted({ waiting }: Errand): void {
    if (waiting?.ended === true)
      throw new AgentwireError('ERR_ABORTED', 'the request ended before it was delivered', {
        detail: { id: waiting.id },
      });
  }

  #refused(
    message: KernelMessage,
    errand: Errand,
    what: string | AgentwireError,
    detail?: Readonly<Record<string, unknown>>,
  ): AgentwireError {
    this.#bury(message, errand, 'governance_denied');
    return typeof what === 'string'
      ? new AgentwireError('ERR_CAPABILITY_DENIED', what, detail === undefined ? {} : { detail })
      : what;
  }

  /** A dead letter that is sent again is a dead letter still, and a request that has ended is nobody's loss. */
  #bury(message: KernelMessage, { redriveTo, waiting }: Errand, reason: DeadLetterReason): void {
    if (redriveTo !== undefined || waiting?.ended === true) return;
    this.#parts.deadLetters.add(message, message.target.kind === 'process' ? message.target.pid : undefined, reason);
  }
}

/** Records that a message reached nobody, and gives back why. */
function failed(chain: ChainManager, message: KernelMessage, error: unknown): AgentwireError {
  const wrong = toAgentwireError(error, 'ERR_HANDLER');
  recordFailure(chain, message, wrong.code);
  return wrong;
}

function delivered({ id }: KernelMessage): SendReport {
  return { messageId: id, delivered: 1, rejected: NO_REJECTIONS, remote: 0 };
}

/** An answer that nobody waits for any more reaches nobody, not the inbox of the asker either. */
function requestEnded({ id, target }: KernelMessage): SendReport {
  const inner = target.kind === 'remoteNode' ? target.target : target;
  const pid = inner.kind === 'process' ? inner.pid : KERNEL_PID;
  return { messageId: id, delivered: 0, rejected: [{ pid, code: 'ERR_REQUEST_ENDED' }], remote: 0 };
}

async function settled(route: () => SendOutcome): Promise<SendReport> {
  return route();
}
