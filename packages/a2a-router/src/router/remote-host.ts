import type { ChainManager } from '../chain/chain-manager.ts';
import { AgentwireError } from '@agentwire/core';
import { ReceivedMessage, type Replier } from '../inbox/received-message.ts';
import type { KernelMessage } from '../message/message.ts';
import type { OpenState } from './open-state.ts';
import type { PendingRequests } from './pending-requests.ts';
import type { RemoteHost } from './remote-backend.ts';
import type { RemoteRequests } from './remote-requests.ts';
import { PLAIN, type SendPath, type Taker } from './send-path.ts';
import { NO_REJECTIONS, type SendReport } from './send-report.ts';

/** What a remote host works with. */
export interface RemoteHostParts {
  readonly path: SendPath;
  readonly pending: PendingRequests;
  readonly remoteRequests: RemoteRequests;
  readonly chain: ChainManager | undefined;
  /** State of the router: after its end nothing is received. */
  readonly open: OpenState;
  /** Answers in the name of whoever takes a message that was admitted. */
  readonly reply: Replier;
}

/**
 * Makes the side of a router that its backend talks to.
 *
 * Nothing of a sender that `acceptRemote` refuses is noted, recorded or kept; everything after it is audited as what
 * goes out is.
 */
export function createRemoteHost({ path, pending, remoteRequests, chain, reply, open }: RemoteHostParts): RemoteHost {
  const complete: Taker = {
    scoped: false,
    take: async (message) => reportOf(message, pending.completeRemote(message)),
  };
  return {
    receive: async (message, back) => {
      path.admitRemote(message);
      if (back === undefined) return path.dispatch(message, chain, PLAIN);
      const waiting = remoteRequests.open(message, back);
      let report: SendReport | undefined;
      try {
        report = await path.dispatch({ ...message, expects: 'answer' }, chain, { waiting });
        return report;
      } finally {
        if (report === undefined || report.delivered === 0) remoteRequests.drop(waiting);
      }
    },
    admit: async (message, take) => {
      path.admitRemote(message);
      const handOver = async (passed: KernelMessage): Promise<SendReport> => {
        await take(new ReceivedMessage(passed, reply));
        return reportOf(passed, true);
      };
      await path.dispatch(message, chain, { take: { scoped: true, take: handOver } });
    },
    answer: async (message) => {
      if (open.closed) return false;
      path.admitRemote(message);
      const { delivered } = await path.dispatch(message, chain, { take: complete });
      return delivered > 0;
    },
    fail: (id, code, text) => pending.loseRemote(id, new AgentwireError(code, text)),
  };
}

function reportOf({ id }: KernelMessage, delivered: boolean): SendReport {
  return { messageId: id, delivered: delivered ? 1 : 0, rejected: NO_REJECTIONS, remote: 0 };
}
