import type { Clock } from '@agentwire/core';
import type { Replier } from '../inbox/received-message.ts';
import { createMessage, type KernelMessage } from '../message/message.ts';
import { target } from '../message/target.ts';
import type { Pid } from '../process/pid.ts';
import type { SendReport } from './send-report.ts';

/** Makes what answers messages in the name of `pid`, on the node where they came from. */
export function createReplier(pid: Pid, send: (message: KernelMessage) => Promise<SendReport>, clock: Clock): Replier {
  return (to, body, options) => {
    const back = target.process(to.from);
    const answer = createMessage(
      pid,
      to.fromNode === undefined ? back : target.remoteNode(to.fromNode, back),
      body,
      options === undefined
        ? { correlationId: to.id, traceId: to.traceId }
        : { correlationId: to.id, traceId: to.traceId, ...options },
      clock,
    );
    return send(answer);
  };
}
