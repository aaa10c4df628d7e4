import { AgentwireError, type Logger, toAgentwireError } from '@agentwire/core';
import type { ChainManager } from '../chain/chain-manager.ts';
import { ReceivedMessage, type Replier } from '../inbox/received-message.ts';
import type { KernelMessage } from '../message/message.ts';
import { recordIntent, recordOutcome } from './audit.ts';
import type { PendingRequests } from './pending-requests.ts';
import type { RemoteHost } from './remote-backend.ts';
import type { SendPath } from './send-path.ts';
import { NO_REJECTIONS, type SendReport } from './send-report.ts';

/** What a remote host works with. */
export interface RemoteHostParts {
  readonly path: SendPath;
  readonly pending: PendingRequests;
  readonly chain: ChainManager | undefined;
  readonly logger: Logger;
  /** Answers in the name of whoever takes a message that was admitted. */
  readonly reply: Replier;
}

/** Makes the side of a router that its backend talks to; what comes in is audited as what goes out is. */
export function createRemoteHost({ path, pending, chain, logger, reply }: RemoteHostParts): RemoteHost {
  return {
    receive: async (message) => path.dispatch(message, chain, undefined),
    admit: async (message, take) => {
      await path.dispatch(message, chain, undefined, async (passed) => {
        await take(new ReceivedMessage(passed, reply));
        return reportOf(passed, true);
      });
    },
    answer: (message) => {
      if (chain === undefined) return pending.completeRemote(message);
      recordIntent(chain, message);
      const complete = (): boolean => {
        const taken = pending.completeRemote(message);
        recordOutcome(chain, reportOf(message, taken));
        return taken;
      };
      if (chain.fsync !== 'always') return complete();
      chain
        .durable()
        .then(complete)
        .catch((error: unknown) => {
          const wrong = toAgentwireError(error, 'ERR_IO');
          logger.error({ error: wrong.message }, 'an answer cannot be recorded, so it is not handed over');
          pending.end(message.correlationId ?? '', wrong);
        });
      return true;
    },
    fail: (id, code, text) => pending.loseRemote(id, new AgentwireError(code, text)),
  };
}

function reportOf({ id }: KernelMessage, delivered: boolean): SendReport {
  return { messageId: id, delivered: delivered ? 1 : 0, rejected: NO_REJECTIONS, remote: 0 };
}
