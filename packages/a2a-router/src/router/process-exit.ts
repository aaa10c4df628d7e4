import type { Clock } from '@agentwire/core';
import { createMessage } from '../message/message.ts';
import { payload } from '../message/payload.ts';
import { target } from '../message/target.ts';
import { KERNEL_PID, type Pid } from '../process/pid.ts';
import type { ProcessLinks } from '../process/process-links.ts';
import type { RemoteExit, RemoteWatches } from '../process/remote-watches.ts';
import type { ProcessEntry } from '../process/process-entry.ts';
import type { InboxTable } from './inbox-table.ts';
import type { PendingRequests } from './pending-requests.ts';
import type { RemoteRequests } from './remote-requests.ts';
import type { ServiceOwners } from './service-owners.ts';
import type { SenderAdmission } from './sender-admission.ts';
import type { Subscriptions } from './subscriptions.ts';

/** Tables of a router that a process is in. */
export interface ExitDeps {
  readonly inboxes: InboxTable;
  readonly pending: PendingRequests;
  readonly remoteRequests: RemoteRequests;
  readonly subscriptions: Subscriptions;
  readonly services: ServiceOwners;
  readonly links: ProcessLinks;
  readonly remoteWatches: RemoteWatches;
  readonly admission: SenderAdmission;
  readonly clock: Clock;
}

/** Takes a process that exited out of everything, and tells those who wanted to know. */
export function processExited(deps: ExitDeps, { pid, exitCode }: ProcessEntry): void {
  const { inboxes, pending, remoteRequests, subscriptions, services, links, remoteWatches, admission, clock } = deps;
  inboxes.remove(pid, 'agent_exited');
  pending.processGone(pid, 'ERR_INBOX_CLOSED');
  remoteRequests.processGone(pid, 'ERR_INBOX_CLOSED');
  subscriptions.removeAll(pid);
  services.removeAll(pid);
  admission.forget(pid);
  remoteWatches.processGone(pid, exitCode ?? 0);
  const { linked, watchers } = links.release(pid);
  for (const other of linked) tellExit(inboxes, clock, other, 'LinkExited', { pid, code: exitCode ?? 0 });
  for (const watcher of watchers) tellExit(inboxes, clock, watcher, 'ProcessDown', { pid, code: exitCode ?? 0 });
}

/** Tells a process, in the name of the kernel, that another one has ended. */
export function tellExit(inboxes: InboxTable, clock: Clock, to: Pid, signal: string, detail: ExitDetail): void {
  const message = createMessage(KERNEL_PID, target.process(to), payload.signal(signal, { ...detail }), {}, clock);
  void inboxes.offer(to, message, undefined);
}

/** Detail of a signal about a process that ended; `reason` is there when it was gone before. */
type ExitDetail = { readonly pid: Pid; readonly node?: string } & RemoteExit;
