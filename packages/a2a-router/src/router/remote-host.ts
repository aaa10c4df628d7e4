import { AgentwireError } from '@agentwire/core';
import type { ChainManager } from '../chain/chain-manager.ts';
import { ReceivedMessage } from '../message/received-message.ts';
import type { Replier } from '../message/reply-channel.ts';
import type { KernelMessage } from '../message/message.ts';
import type { OpenState } from './open-state.ts';
import { KERNEL_PID, type Pid } from '../process/pid.ts';
import type { RemoteWatches } from '../process/remote-watches.ts';
import type { ProcessTable } from '../process/process-table.ts';
import { addResponder } from './pending-request.ts';
import type { PendingRequests } from './pending-requests.ts';
import type { RemoteHost, RemoteReply } from './remote-backend.ts';
import type { RemoteRequests } from './remote-requests.ts';
import type { Sender } from './sender-admission.ts';
import type { DirectHandler } from './send-context.ts';
import type { SendPath } from './send-path.ts';
import type { ServiceOwners } from './service-owners.ts';
import { NO_REJECTIONS, type SendReport } from './send-report.ts';

/** Collaborators of a remote host. */
export interface RemoteHostDeps {
  readonly path: SendPath;
  readonly pending: PendingRequests;
  readonly remoteRequests: RemoteRequests;
  readonly remoteWatches: RemoteWatches;
  readonly chain: ChainManager | undefined;
  /** State of the router: after its end nothing is received. */
  readonly open: OpenState;
  readonly table: ProcessTable;
  readonly services: ServiceOwners;
  /** Makes what answers in the name of the process that took a message. */
  readonly replierOf: (pid: Pid) => Replier;
}

/**
 * Makes the side of a router that its backend talks to.
 *
 * Nothing of a sender that `acceptRemote` refuses is noted, recorded or kept; everything after it is audited as what
 * goes out is.
 *
 * @throws AgentwireError `ERR_INVALID_STATE`
 */
export function createRemoteHost(deps: RemoteHostDeps): RemoteHost {
  const { path, pending, remoteRequests, remoteWatches, chain, table, replierOf, open, services } = deps;
  // a chain that syncs first lets time pass, so the sender is admitted again after it.
  const admittedNow = (sender: Sender): Sender | undefined => (chain?.fsync === 'always' ? undefined : sender);
  const complete: DirectHandler = {
    scoped: false,
    take: async (message) => reportOf(message, pending.completeRemote(message)),
  };
  return {
    receive: async (message, back) => {
      const sender = path.admitRemote(message);
      if (back === undefined) return path.dispatch(message, chain, { sender: admittedNow(sender) });
      const waiting = remoteRequests.open(message, back);
      let report: SendReport | undefined;
      try {
        report = await path.dispatch(ReceivedMessage.ofRequest(message, expected(back), waiting), chain, {
          waiting,
          sender: admittedNow(sender),
        });
        return report;
      } finally {
        if (report === undefined || report.delivered === 0) remoteRequests.drop(waiting);
      }
    },
    admit: async (message, { pid, reply, redriven }, take) => {
      path.admitRemote(message);
      const state = table.find(pid)?.state;
      if (pid !== KERNEL_PID && state !== 'running') {
        throw new AgentwireError('ERR_INVALID_STATE', `process ${pid}, which handles messages, does not run`);
      }
      const waiting = reply === undefined ? undefined : remoteRequests.open(message, reply);
      let taken = false;
      try {
        const handOver = async (passed: KernelMessage): Promise<SendReport> => {
          if (waiting !== undefined) addResponder(waiting, pid);
          await take(ReceivedMessage.deliver(passed, replierOf(pid)));
          return reportOf(passed, true);
        };
        await path.dispatch(reply === undefined ? message : { ...message, expects: expected(reply) }, chain, {
          take: { scoped: true, take: handOver },
          redriveTo: redriven ? pid : undefined,
        });
        taken = true;
      } finally {
        // what failed may come again, and then be answered.
        if (!taken && waiting !== undefined) remoteRequests.drop(waiting);
      }
    },
    answer: async (message) => {
      if (open.closed) return false;
      const sender = path.admitRemote(message);
      const { delivered } = await path.dispatch(message, chain, { take: complete, sender: admittedNow(sender) });
      return delivered > 0;
    },
    answered: () => remoteRequests.idle(),
    abandon: () => remoteRequests.close(),
    cancel: (nodeId, messageId) => remoteRequests.cancel(nodeId, messageId),
    holds: (nodeId, messageId) => remoteRequests.holds(nodeId, messageId),
    cancelNode: (nodeId) => remoteRequests.cancelNode(nodeId),
    watchAgain: (nodeId) => remoteWatches.again(nodeId),
    nodeGone: (nodeId, tell) => {
      remoteRequests.cancelNode(nodeId, tell);
      remoteWatches.nodeGone(nodeId, tell);
    },
    watch: (nodeId, watch, on) => {
      if (!on) remoteWatches.unwatchedBy(nodeId, watch);
      else if (path.mayWatch(nodeId, watch.by, watch.pid)) remoteWatches.watchedBy(nodeId, watch);
      else remoteWatches.refuse(nodeId, watch.pid);
    },
    exited: (nodeId, pid, exit) => remoteWatches.exited({ nodeId, pid }, exit),
    credit: (nodeId, messageId, read) => remoteRequests.credit(nodeId, messageId, read),
    recheck: () => {
      remoteRequests.recheck();
      remoteWatches.again();
    },
    services: () => services.registry?.list() ?? [],
    service: (name) => services.registry?.get(name),
    fail: (id, code, text) => pending.loseRemote(id, code, text),
  };
}

function expected({ window }: RemoteReply): 'answer' | 'stream' {
  return window === undefined ? 'answer' : 'stream';
}

function reportOf({ id }: KernelMessage, delivered: boolean): SendReport {
  return { messageId: id, delivered: delivered ? 1 : 0, rejected: NO_REJECTIONS, remote: 0 };
}
