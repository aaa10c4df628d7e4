import { AgentwireError, type Clock, type Logger, toAgentwireError } from '@agentwire/core';
import type { ChainManager } from '../chain/chain-manager.ts';
import { askGate } from '../gate/ask-gate.ts';
import type { GateBackend, GateDecision } from '../gate/gate.ts';
import type { DeadLetterReason, DeadLetters } from '../inbox/dead-letters.ts';
import type { KernelMessage } from '../message/message.ts';
import { type AgentCapabilities, resolveCapabilities } from '../process/capabilities.ts';
import type { CapabilityChecker, ScopeHolder } from '../process/capability-checker.ts';
import type { Pid } from '../process/pid.ts';
import { processNotFound } from '../process/process-not-found.ts';
import type { MutableProcess, ProcessTable } from '../process/process-table.ts';
import { recordFailure, recordIntent, recordOutcome } from './audit.ts';
import type { Delivery } from './delivery.ts';
import type { ParkedMessages } from './parked-messages.ts';
import type { PendingRequest, PendingRequests } from './pending-requests.ts';
import type { RemoteRequests } from './remote-requests.ts';
import { NO_REJECTIONS, type SendReport } from './send-report.ts';

/** Known at once or later; what fails at once is thrown. */
export type SendOutcome = SendReport | Promise<SendReport>;

/** What the way of a message is made of. */
export interface SendPathParts {
  readonly table: ProcessTable;
  readonly checker: CapabilityChecker;
  readonly delivery: Delivery;
  readonly pending: PendingRequests;
  readonly parked: ParkedMessages;
  readonly deadLetters: DeadLetters;
  readonly remoteRequests: RemoteRequests;
  readonly gate: () => GateBackend | undefined;
  readonly gateTimeoutMs: number;
  readonly deferMode: 'mark' | 'park';
  readonly acceptRemote: ((nodeId: string, pid: Pid) => Partial<AgentCapabilities> | undefined) | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Takes a message instead of delivery. */
export interface Taker {
  /** Whether the scope of the sender must allow its target; answers go back whatever the scope. */
  readonly scoped: boolean;
  /** Takes it. */
  readonly take: (message: KernelMessage) => Promise<SendReport>;
}

type Sender = ScopeHolder & { readonly pid: Pid; readonly agentId: string };

/** The way of every message: sender, state, gate, quota, answer, scope, delivery; audited if there is a chain. */
export class SendPath {
  readonly #parts: SendPathParts;

  constructor(parts: SendPathParts) {
    this.#parts = parts;
  }

  /** Sends without a promise where nothing has to be waited for. */
  dispatch(
    message: KernelMessage,
    chain: ChainManager | undefined,
    waiting: PendingRequest | undefined,
    take?: Taker,
  ): SendOutcome {
    if (chain === undefined) return this.#route(message, waiting, take);
    recordIntent(chain, message);
    if (chain.fsync === 'always') return this.#durably(message, chain, waiting, take);
    let outcome: SendOutcome;
    try {
      outcome = this.#route(message, waiting, take);
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
  async #durably(
    message: KernelMessage,
    chain: ChainManager,
    waiting: PendingRequest | undefined,
    take: Taker | undefined,
  ): Promise<SendReport> {
    await chain.durable();
    const report = await this.#later(
      message,
      chain,
      settled(() => this.#route(message, waiting, take)),
    );
    await chain.durable();
    return report;
  }

  #route(message: KernelMessage, waiting: PendingRequest | undefined, take: Taker | undefined): SendOutcome {
    const sender = this.#admit(message);
    if (message.deadline !== undefined && message.deadline <= this.#parts.clock.wallNow()) {
      this.#bury(message, 'timeout');
      throw new AgentwireError('ERR_TIMEOUT', 'the deadline of the message has passed', { detail: { id: message.id } });
    }
    const gate = this.#parts.gate();
    if (gate === undefined) return this.#pass(message, sender, waiting, take);
    const decision = askGate(gate, sender.agentId, message, {
      timeoutMs: this.#parts.gateTimeoutMs,
      clock: this.#parts.clock,
      logger: this.#parts.logger,
    });
    if (decision instanceof Promise) return decision.then((late) => this.#decided(message, late, waiting, take, true));
    return this.#decided(message, decision, waiting, take, false);
  }

  #decided(
    message: KernelMessage,
    decision: GateDecision,
    waiting: PendingRequest | undefined,
    take: Taker | undefined,
    late: boolean,
  ): SendOutcome {
    if (decision.kind === 'deny') {
      this.#bury(message, 'governance_denied');
      const { reason } = decision;
      throw new AgentwireError('ERR_CAPABILITY_DENIED', `the gate denied the message: ${reason}`, {
        detail: { reason },
      });
    }
    if (decision.kind === 'defer' && this.#parts.deferMode === 'park') {
      return this.#parts.parked.park(message).then((final) => this.#decided(message, final, waiting, take, true));
    }
    // While somebody thought about it, the sender may have exited.
    const sender = late ? this.#admit(message) : this.#admitted(message);
    return this.#pass(decision.kind === 'defer' ? { ...message, deferred: true } : message, sender, waiting, take);
  }

  #pass(
    message: KernelMessage,
    sender: Sender,
    waiting: PendingRequest | undefined,
    take: Taker | undefined,
  ): SendOutcome {
    if (message.fromNode === undefined) this.#count(message, this.#parts.table.find(message.from));
    else if (message.payload.kind === 'toolCall' && !sender.capabilities.canExecTools)
      throw this.#quota(message, 'may not call tools');
    if (message.correlationId !== undefined) {
      if (this.#parts.pending.complete(message)) {
        return { messageId: message.id, delivered: 1, rejected: NO_REJECTIONS, remote: 0 };
      }
      const answered = this.#parts.remoteRequests.complete(message);
      if (answered !== undefined) return answered;
    }
    if (take?.scoped === false) return take.take(message);
    try {
      this.#parts.checker.checkTarget(sender, message.target);
    } catch (error) {
      this.#bury(message, 'governance_denied');
      throw error;
    }
    return take === undefined
      ? this.#parts.delivery.deliver(message, message.target, sender, waiting)
      : take.take(message);
  }

  #admit(message: KernelMessage): Sender {
    if (message.fromNode !== undefined) return this.#admitted(message);
    const sender = this.#parts.table.find(message.from);
    if (sender === undefined) throw processNotFound(message.from);
    if (sender.state !== 'running' && sender.state !== 'suspended') {
      throw new AgentwireError('ERR_INVALID_STATE', `process ${message.from} is ${sender.state} and cannot send`);
    }
    return sender;
  }

  /** Throws `ERR_CAPABILITY_DENIED` for a sender on another node that `acceptRemote` refuses; nothing is kept of its message. */
  admitRemote(message: KernelMessage): void {
    this.#admitted(message);
  }

  #admitted(message: KernelMessage): Sender {
    const { fromNode, from } = message;
    if (fromNode === undefined) return this.#admit(message);
    const given = this.#parts.acceptRemote?.(fromNode, from);
    if (given === undefined) {
      throw new AgentwireError(
        'ERR_CAPABILITY_DENIED',
        `process ${from} of node ${JSON.stringify(fromNode)} may send nothing here`,
      );
    }
    // Resolved each time, because an object that was given before may say something else now.
    const capabilities = resolveCapabilities(given);
    return { pid: from, parent: undefined, agentId: `${fromNode}/${from}`, capabilities };
  }

  #count(message: KernelMessage, sender: MutableProcess | undefined): void {
    if (sender === undefined) return;
    const { maxMessages, maxToolCalls, canExecTools } = sender.capabilities;
    if (sender.messagesSent >= maxMessages)
      throw this.#quota(message, `has sent the ${maxMessages} messages that it may`);
    if (message.payload.kind === 'toolCall') {
      if (!canExecTools) throw this.#quota(message, 'may not call tools');
      if (sender.toolCallsSent >= maxToolCalls)
        throw this.#quota(message, `has sent the ${maxToolCalls} tool calls that it may`);
      sender.toolCallsSent += 1;
    }
    sender.messagesSent += 1;
  }

  #quota(message: KernelMessage, what: string): AgentwireError {
    this.#bury(message, 'governance_denied');
    return new AgentwireError('ERR_CAPABILITY_DENIED', `process ${message.from} ${what}`, {
      detail: { pid: message.from },
    });
  }

  #bury(message: KernelMessage, reason: DeadLetterReason): void {
    this.#parts.deadLetters.add(message, message.target.kind === 'process' ? message.target.pid : undefined, reason);
  }
}

/** Records that a message reached nobody, and gives back why. */
function failed(chain: ChainManager, message: KernelMessage, error: unknown): AgentwireError {
  const wrong = toAgentwireError(error, 'ERR_HANDLER');
  recordFailure(chain, message, wrong.code);
  return wrong;
}

async function settled(route: () => SendOutcome): Promise<SendReport> {
  return route();
}
