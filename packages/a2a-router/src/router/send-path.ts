import { AgentwireError, type Clock, type Logger } from '@agentwire/core';
import type { ChainManager } from '../chain/chain-manager.ts';
import { askGate } from '../gate/ask-gate.ts';
import type { GateBackend, GateDecision } from '../gate/gate.ts';
import type { DeadLetterReason } from '../inbox/dead-letter.ts';
import type { DeadLetters } from '../inbox/dead-letters.ts';
import type { KernelMessage } from '../message/message.ts';
import { type CapabilityChecker, mayReachProcess } from '../process/capability-checker.ts';
import type { Pid } from '../process/pid.ts';
import { sendAudited } from './audited-send.ts';
import type { Delivery } from './delivery.ts';
import { requestEnded, single } from './delivery-report.ts';
import type { Observer } from './observer.ts';
import type { ParkedMessages } from './parked-messages.ts';
import type { PendingRequests } from './pending-requests.ts';
import type { RemoteRequests } from './remote-requests.ts';
import type { SendContext } from './send-context.ts';
import type { SendOutcome } from './send-report.ts';
import type { Sender, SenderAdmission } from './sender-admission.ts';

/** Collaborators of the send path. */
export interface SendPathDeps {
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
  /** Measures and traces; undefined without a recorder and a tracer. */
  readonly observer: Observer | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The way of every message: sender, state, quota, gate, answer, scope, delivery; audited if there is a chain. */
export class SendPath {
  readonly #deps: SendPathDeps;

  constructor(deps: SendPathDeps) {
    this.#deps = deps;
  }

  /** Sends without a promise where nothing has to be waited for. */
  dispatch(message: KernelMessage, chain: ChainManager | undefined, context: SendContext): SendOutcome {
    const { observer } = this.#deps;
    if (observer === undefined) return this.#audited(message, chain, context);
    // a dead letter that is sent again stays as it was.
    return observer.send(message, context.redriveTo === undefined, () => this.#audited(message, chain, context));
  }

  #audited(message: KernelMessage, chain: ChainManager | undefined, context: SendContext): SendOutcome {
    if (chain === undefined) return this.#route(message, context);
    return sendAudited(chain, message, context.redriveTo, () => this.#route(message, context));
  }

  #route(message: KernelMessage, context: SendContext): SendOutcome {
    const { admission, checkOpen, gateTimeoutMs, clock, logger } = this.#deps;
    checkOpen();
    const answers = context.take?.scoped === false || this.#answers(message, context);
    const redriven = context.redriveTo !== undefined;
    const sender = context.sender ?? this.#admit(message, answers, redriven);
    this.#checkInTime(message, context);
    if (!answers && !redriven) {
      const refusal = admission.count(message, sender);
      if (refusal !== undefined) throw this.#refused(message, context, refusal);
    }
    const gate = this.#deps.gate();
    if (gate === undefined) return this.#pass(message, sender, context, answers);
    const decision = askGate(gate, sender.agentId, message, { timeoutMs: gateTimeoutMs, clock, logger });
    if (decision instanceof Promise) return decision.then((late) => this.#decided(message, late, context, answers));
    return this.#decided(message, decision, context, answers, sender);
  }

  /** `sender` is absent after a wait, because everything may have changed meanwhile. */
  #decided(
    message: KernelMessage,
    decision: GateDecision,
    context: SendContext,
    answers: boolean,
    sender?: Sender,
  ): SendOutcome {
    if (decision.kind === 'defer' && this.#deps.deferMode === 'park') {
      return this.#deps.parked.park(message).then((final) => this.#decided(message, final, context, answers));
    }
    if (sender === undefined) {
      this.#deps.checkOpen();
      this.#checkWanted(context);
    }
    if (decision.kind !== 'permit' && decision.kind !== 'defer') {
      const { reason } = decision;
      throw this.#refused(message, context, `the gate denied the message: ${reason}`, { reason });
    }
    const current = sender ?? this.#admit(message, answers, context.redriveTo !== undefined);
    if (sender === undefined) this.#checkInTime(message, { ...context, checkedAt: undefined });
    const judged = decision.kind === 'defer' ? { ...message, deferred: true } : message;
    return this.#pass(judged, current, context, answers);
  }

  #pass(message: KernelMessage, sender: Sender, context: SendContext, answers: boolean): SendOutcome {
    const { pending, remoteRequests, checker, delivery } = this.#deps;
    const { waiting, take, redriveTo } = context;
    this.#checkWanted(context);
    if (take?.scoped === false) return take.take(message);
    if (answers) {
      if (pending.complete(message, context.answers)) return single(message);
      const answered = remoteRequests.complete(message, context.answers);
      if (answered !== undefined) return answered;
    }
    const isLate = answers || context.isReply === true || (context.redriveTo === undefined && this.#isLate(message));
    // a part of a stream is never a message of its own, so no scope has to be asked about it.
    if (isLate && message.streamed !== undefined) return requestEnded(message);
    try {
      checker.checkTarget(sender, message.target);
    } catch (error) {
      if (!isLate) this.#bury(message, context, 'governance_denied');
      throw error;
    }
    if (isLate) return requestEnded(message);
    if (take !== undefined) return take.take(message);
    if (redriveTo !== undefined) return delivery.redeliver(redriveTo, message, sender);
    return delivery.deliver(message, message.target, sender, waiting);
  }

  /** Tells whether a message answers a pending request, here or on another node: it is free, and passes any scope. */
  #answers(message: KernelMessage, context: SendContext): boolean {
    if (message.correlationId === undefined) return false;
    const { pending, remoteRequests } = this.#deps;
    return pending.answered(message, context.answers) !== undefined || remoteRequests.answers(message, context.answers);
  }

  /** Tells whether a message answers a request that has ended, also one that was made by hand: its correlation id says so. */
  #isLate({ correlationId, target }: KernelMessage): boolean {
    if (correlationId === undefined) return false;
    const { pending, remoteRequests } = this.#deps;
    if (target.kind === 'process') return pending.hasEnded(correlationId, target.pid);
    return (
      target.kind === 'remoteNode' &&
      target.target.kind === 'process' &&
      remoteRequests.hasEnded(target.nodeId, correlationId)
    );
  }

  #admit(message: KernelMessage, answers: boolean, redriven: boolean): Sender {
    const admitted = this.#deps.admission.admit(message, answers, redriven);
    if (admitted instanceof AgentwireError) throw admitted;
    return admitted;
  }

  /** Admits a sender on another node; throws `ERR_CAPABILITY_DENIED` for one that `acceptRemote` refuses, of whose message nothing is kept. */
  admitRemote(message: KernelMessage): Sender {
    this.#deps.checkOpen();
    return this.#admit(message, false, false);
  }

  /** Tells whether a process of another node may reach one here, and so watch it. */
  mayWatch(fromNode: string, from: Pid, pid: Pid): boolean {
    const sender = this.#deps.admission.remote(fromNode, from);
    return !(sender instanceof AgentwireError) && mayReachProcess(sender, pid);
  }

  #checkInTime(message: KernelMessage, context: SendContext): void {
    const { deadline } = message;
    if (deadline === undefined || deadline > (context.checkedAt ?? this.#deps.clock.wallNow())) return;
    this.#bury(message, context, 'timeout');
    throw new AgentwireError('ERR_TIMEOUT', 'the deadline of the message has passed', { detail: { id: message.id } });
  }

  /** Throws for a request that has ended meanwhile: its answer would be lost, so it is not delivered. */
  #checkWanted({ waiting }: SendContext): void {
    if (waiting?.ended === true)
      throw new AgentwireError('ERR_ABORTED', 'the request ended before it was delivered', {
        detail: { id: waiting.id },
      });
  }

  #refused(
    message: KernelMessage,
    context: SendContext,
    what: string | AgentwireError,
    detail?: Readonly<Record<string, unknown>>,
  ): AgentwireError {
    this.#bury(message, context, 'governance_denied');
    return typeof what === 'string'
      ? new AgentwireError('ERR_CAPABILITY_DENIED', what, detail === undefined ? {} : { detail })
      : what;
  }

  /** A dead letter that is sent again is a dead letter still, and a request that has ended is no loss. */
  #bury(message: KernelMessage, { redriveTo, waiting }: SendContext, reason: DeadLetterReason): void {
    if (redriveTo !== undefined || waiting?.ended === true) return;
    this.#deps.deadLetters.add(message, message.target.kind === 'process' ? message.target.pid : undefined, reason);
  }
}
