import type { Clock } from '@agentwire/core';
import { createMessage } from '../message/message.ts';
import { payload } from '../message/payload.ts';
import { target } from '../message/target.ts';
import { KERNEL_PID, type Pid } from '../process/pid.ts';
import type { ProcessLinks } from '../process/process-links.ts';
import type { ProcessEntry } from '../process/process-table.ts';
import type { InboxTable } from './inbox-table.ts';
import type { PendingRequests } from './pending-requests.ts';
import type { RemoteRequests } from './remote-requests.ts';
import type { ServiceOwners } from './service-owners.ts';
import type { Subscriptions } from './subscriptions.ts';

/** Where a router knows a process from. */
export interface ProcessTraces {
  readonly inboxes: InboxTable;
  readonly pending: PendingRequests;
  readonly remoteRequests: RemoteRequests;
  readonly subscriptions: Subscriptions;
  readonly services: ServiceOwners;
  readonly links: ProcessLinks;
  readonly clock: Clock;
}

/** Takes a process that exited out of everything, and tells those who wanted to know. */
export function processExited(traces: ProcessTraces, { pid, exitCode }: ProcessEntry): void {
  const { inboxes, pending, remoteRequests, subscriptions, services, links, clock } = traces;
  inboxes.remove(pid, 'agent_exited');
  pending.processGone(pid, 'ERR_INBOX_CLOSED');
  remoteRequests.processGone(pid, 'ERR_INBOX_CLOSED');
  subscriptions.removeAll(pid);
  services.removeAll(pid);
  const { linked, watchers } = links.release(pid);
  const tell = (to: Pid, signal: string): void => {
    const news = payload.signal(signal, { pid, code: exitCode ?? 0 });
    void inboxes.offer(to, createMessage(KERNEL_PID, target.process(to), news, {}, clock), undefined);
  };
  for (const other of linked) tell(other, 'LinkExited');
  for (const watcher of watchers) tell(watcher, 'ProcessDown');
}
