import { AgentwireError } from '@agentwire/core';
import { describeTarget, type Target } from '../message/target.ts';
import { patternCovers } from '../routing/topic-pattern.ts';
import type { AgentCapabilities } from './capabilities.ts';
import { KERNEL_PID, type Pid, processNotFound } from './pid.ts';
import type { ProcessEntry } from './process-entry.ts';
import type { ProcessTable } from './process-table.ts';

/** Facts about a sender that the rules need; a process entry fits, and so does a sender on another node. */
export interface ScopeHolder {
  /** Whom it may send to. */
  readonly capabilities: AgentCapabilities;
  /** Pid of the process that started it; undefined when that lives on another node. */
  readonly parent: Pid | undefined;
}

/** Tells whether a sender may reach one process; with {@link KERNEL_PID} it answers for the kernel. */
export function mayReachProcess(sender: ScopeHolder, pid: Pid): boolean {
  const { canIpc, ipcScope } = sender.capabilities;
  if (!canIpc) return false;
  switch (ipcScope.kind) {
    case 'all':
      return true;
    case 'parentOnly':
      return sender.parent === pid;
    case 'restricted':
      return ipcScope.pids.includes(pid);
    default:
      return false;
  }
}

/** Tells whether a sender may publish on a topic; each subscriber is still checked for `restricted` and `parentOnly`. */
function mayUseTopic(sender: ScopeHolder, topic: string): boolean {
  const { canIpc, ipcScope } = sender.capabilities;
  if (!canIpc || ipcScope.kind === 'none') return false;
  return ipcScope.kind !== 'topic' || ipcScope.names.some((name) => patternCovers(name, topic));
}

/** Tells whether a publisher's message may go to one subscriber of a topic that it may use. */
export function mayReachSubscriber(sender: ScopeHolder, pid: Pid): boolean {
  return sender.capabilities.ipcScope.kind === 'topic' || mayReachProcess(sender, pid);
}

/** Tells whether a sender's scope lets through anything that is not a topic. */
function mayReachSomeProcess(sender: ScopeHolder): boolean {
  const { canIpc, ipcScope } = sender.capabilities;
  return canIpc && ipcScope.kind !== 'none' && ipcScope.kind !== 'topic';
}

/** Answers what a process may do, from the process table. */
export class CapabilityChecker {
  readonly #table: ProcessTable;

  constructor(table: ProcessTable) {
    this.#table = table;
  }

  /** Tells whether `from` may send to the process `to`. Unknown senders may nothing. */
  canMessage(from: Pid, to: Pid): boolean {
    const sender = this.#table.get(from);
    return sender !== undefined && mayReachProcess(sender, to);
  }

  /** Tells whether `from` may publish on a topic or subscribe to a pattern. */
  canUseTopic(from: Pid, topic: string): boolean {
    const sender = this.#table.get(from);
    return sender !== undefined && mayUseTopic(sender, topic);
  }

  /**
   * Throws `ERR_CAPABILITY_DENIED` if the sender's scope cannot allow the target at all.
   *
   * For targets of several processes the router asks again for each of them.
   */
  checkTarget(sender: ScopeHolder & Pick<ProcessEntry, 'pid'>, to: Target): void {
    if (!allows(sender, to)) {
      throw new AgentwireError(
        'ERR_CAPABILITY_DENIED',
        `process ${sender.pid} may not send to ${describeTarget(to)}: its scope is ${sender.capabilities.ipcScope.kind}`,
        { detail: { pid: sender.pid, target: to.kind, scope: sender.capabilities.ipcScope.kind } },
      );
    }
  }

  /** Throws `ERR_CAPABILITY_DENIED` unless `pid` may send a tool call. */
  checkToolCall(pid: Pid, tool: string): void {
    const sender = this.#table.get(pid);
    if (sender === undefined) throw processNotFound(pid);
    if (!sender.capabilities.canExecTools) {
      throw new AgentwireError(
        'ERR_CAPABILITY_DENIED',
        `process ${pid} may not call tools, here ${JSON.stringify(tool)}`,
      );
    }
  }
}

function allows(sender: ScopeHolder, to: Target): boolean {
  switch (to.kind) {
    case 'process':
      return mayReachProcess(sender, to.pid);
    case 'topic':
      return mayUseTopic(sender, to.name);
    case 'kernel':
      return mayReachProcess(sender, KERNEL_PID);
    case 'broadcast':
      return true; // each inbox is asked for, and the report names those that are out of reach
    case 'service':
    case 'serviceMethod':
      return mayReachSomeProcess(sender);
    default:
      return allowsRemote(sender, to.target);
  }
}

/** A pid in a scope means a process of the same node, so across nodes only `all` and `topic` say anything. */
function allowsRemote(sender: ScopeHolder, to: Target): boolean {
  const { canIpc, ipcScope } = sender.capabilities;
  if (!canIpc || to.kind === 'remoteNode') return false;
  return ipcScope.kind === 'all' || (to.kind === 'topic' && ipcScope.kind === 'topic' && mayUseTopic(sender, to.name));
}
