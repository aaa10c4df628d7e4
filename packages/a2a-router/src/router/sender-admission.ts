import { AgentwireError, type Clock, type Logger } from '@agentwire/core';
import type { KernelMessage } from '../message/message.ts';
import type { AgentCapabilities } from '../process/capabilities.ts';
import type { ScopeHolder } from '../process/capability-checker.ts';
import { KnownCapabilities } from '../process/known-capabilities.ts';
import { type Pid, processNotFound } from '../process/pid.ts';
import type { MutableProcess } from '../process/process-entry.ts';
import type { ProcessTable } from '../process/process-table.ts';
import { RateLimits } from '../process/rate-limits.ts';

/** The sender of a message as the router knows it, from this node or another one. */
export type Sender = ScopeHolder & { readonly pid: Pid; readonly agentId: string };

/** Decides about senders on other nodes. */
export type AcceptRemote = (nodeId: string, pid: Pid) => Partial<AgentCapabilities> | undefined;

function isLocal(sender: Sender): sender is MutableProcess {
  return 'messagesSent' in sender;
}

/** Decides who may send at all, and how much of it. */
export class SenderAdmission {
  readonly #table: ProcessTable;
  readonly #acceptRemote: AcceptRemote | undefined;
  readonly #logger: Logger;
  readonly #rates: RateLimits;
  readonly #known = new KnownCapabilities();

  constructor(table: ProcessTable, acceptRemote: AcceptRemote | undefined, clock: Clock, logger: Logger) {
    this.#table = table;
    this.#acceptRemote = acceptRemote;
    this.#logger = logger;
    this.#rates = new RateLimits(clock);
  }

  /** The sender of a message, or the error that refuses it. A suspended one may still answer; a dead letter has been sent before. */
  admit({ fromNode, from }: KernelMessage, answers: boolean, redriven: boolean): Sender | AgentwireError {
    if (fromNode !== undefined) return this.remote(fromNode, from);
    const sender = this.#table.find(from);
    if (sender === undefined) return processNotFound(from);
    if (sender.state === 'running' || redriven || (answers && sender.state === 'suspended')) return sender;
    return new AgentwireError('ERR_INVALID_STATE', `process ${from} is ${sender.state} and cannot send`, {
      detail: { pid: from, state: sender.state },
    });
  }

  /** Counts an attempt to send; gives back why there was one too many, or undefined. */
  count(message: KernelMessage, sender: Sender): AgentwireError | undefined {
    const { fromNode, from, payload } = message;
    const isToolCall = payload.kind === 'toolCall';
    const { capabilities } = sender;
    if (isToolCall && !capabilities.canExecTools) return this.#denied(message, 'may not call tools', false);
    const over = this.#rates.count(fromNode === undefined ? from : `${fromNode}/${from}`, capabilities, isToolCall);
    if (over === undefined) {
      if (isLocal(sender)) {
        sender.messagesSent += 1;
        if (isToolCall) sender.toolCallsSent += 1;
      }
      return undefined;
    }
    const most = over === 'messages' ? capabilities.maxMessages : capabilities.maxToolCalls;
    return this.#denied(message, `has sent the ${most} ${over} that it may per second`, most > 0);
  }

  /** Forgets what a process has sent. */
  forget(pid: Pid): void {
    this.#rates.forget(pid);
  }

  #denied({ from, fromNode }: KernelMessage, what: string, retryable: boolean): AgentwireError {
    const who = fromNode === undefined ? '' : ` of node ${JSON.stringify(fromNode)}`;
    return new AgentwireError('ERR_CAPABILITY_DENIED', `process ${from}${who} ${what}`, {
      retryable,
      detail: { pid: from },
    });
  }

  /** Admits a sender on another node through `acceptRemote`, or gives the error that refuses it. */
  remote(fromNode: string, from: Pid): Sender | AgentwireError {
    const given = this.#ask(fromNode, from);
    if (given === undefined) {
      return new AgentwireError(
        'ERR_CAPABILITY_DENIED',
        `process ${from} of node ${JSON.stringify(fromNode)} may send nothing here, answers included: the acceptRemote of this router is not set or gave nothing for it`,
      );
    }
    const capabilities = this.#known.resolve(fromNode, given);
    return { pid: from, parent: undefined, agentId: `${fromNode}/${from}`, capabilities };
  }

  /** Anything but an object, and an exception, refuse the sender. */
  #ask(fromNode: string, from: Pid): Partial<AgentCapabilities> | undefined {
    try {
      const given: unknown = this.#acceptRemote?.(fromNode, from);
      return typeof given === 'object' && given !== null && !(given instanceof Promise) ? given : undefined;
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.#logger.error({ error: text, node: fromNode }, 'acceptRemote failed, so the sender is refused');
      return undefined;
    }
  }
}
