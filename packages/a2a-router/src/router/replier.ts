import { type Clock, toAgentwireError } from '@agentwire/core';
import type { Replier } from '../inbox/received-message.ts';
import { createMessage, type KernelMessage } from '../message/message.ts';
import { target } from '../message/target.ts';
import type { Pid } from '../process/pid.ts';
import type { SendReport } from './send-report.ts';

/** Sends an answer; `isReply` is true when somebody waits for it in `request`. */
export type SendAnswer = (message: KernelMessage, isReply: boolean) => Promise<SendReport>;

/** Makes what answers messages in the name of `pid`, on the node where they came from. */
export function createReplier(pid: Pid, send: SendAnswer, clock: Clock): Replier {
  return (to, body, options) => {
    try {
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
      return send(answer, to.expects !== undefined && answer.correlationId === to.id);
    } catch (error) {
      return Promise.reject(toAgentwireError(error, 'ERR_INVALID_ARGUMENT'));
    }
  };
}
