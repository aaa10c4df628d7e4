import { type Clock, type Logger, toAgentwireError } from '@agentwire/core';
import type { Replier } from '../message/reply-channel.ts';
import { checkMessageOptions, type KernelMessage } from '../message/message.ts';
import { ReceivedMessage } from '../message/received-message.ts';
import { newMessage } from '../message/seal-message.ts';
import { target } from '../message/target.ts';
import type { Pid } from '../process/pid.ts';
import { checkAgainst, type CheckDeps, type StandardSchema } from '../routing/contract.ts';
import { mayAnswer, PendingRequest } from './pending-request.ts';
import type { PendingRequests } from './pending-requests.ts';
import type { RemoteRequests } from './remote-requests.ts';
import { requestOver, watchRequest } from './request-signals.ts';
import type { SendReport } from './send-report.ts';

/** Collaborators of repliers. */
export interface ReplierDeps {
  /** Sends an answer; `isReply` is true when its asker waits in `request`. */
  readonly send: (message: KernelMessage, isReply: boolean, answers: PendingRequest | undefined) => Promise<SendReport>;
  readonly pending: PendingRequests;
  readonly remoteRequests: RemoteRequests;
  /** Schema that the answers of a method must fit. */
  readonly answerSchema: (service: string, method: string) => StandardSchema | undefined;
  readonly checks: CheckDeps;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Makes what answers messages in the name of `pid`, on the node where they came from. */
export function createReplier(
  pid: Pid,
  { send: sendAnswer, pending, remoteRequests, answerSchema, checks, clock, logger }: ReplierDeps,
): Replier {
  const requestOf = (to: KernelMessage): PendingRequest | undefined => {
    const { id, from, fromNode } = to;
    const known = ReceivedMessage.requestOf(to);
    const request =
      known instanceof PendingRequest
        ? known
        : fromNode === undefined
          ? pending.find(id, from)
          : remoteRequests.find(fromNode, id, from);
    return request !== undefined && !request.ended && mayAnswer(request, pid) ? request : undefined;
  };
  return {
    answer: (to, body, options, streamed) => {
      try {
        const back = target.process(to.from);
        if (options !== undefined) checkMessageOptions(options);
        const chosen =
          options === undefined
            ? { correlationId: to.id, traceId: to.traceId, traceparent: to.traceparent }
            : { correlationId: to.id, traceId: to.traceId, traceparent: to.traceparent, ...options };
        const isReply = to.expects !== undefined && chosen.correlationId === to.id;
        const answer = newMessage(
          pid,
          to.fromNode === undefined ? back : target.remoteNode(to.fromNode, back),
          body,
          chosen,
          clock,
          isReply && streamed !== undefined ? { streamed } : undefined,
        );
        const { target: asked } = to;
        const isPart = streamed === undefined || streamed === 'part';
        const schema = isPart && asked.kind === 'serviceMethod' ? answerSchema(asked.service, asked.method) : undefined;
        const known = ReceivedMessage.requestOf(to);
        const answers = isReply && known instanceof PendingRequest ? known : undefined;
        if (schema === undefined) return sendAnswer(answer, isReply, answers);
        // the copy is checked, because the original may change while a schema thinks.
        const checked = checkAgainst(schema, answer.payload, 'the answer', checks);
        return checked instanceof Promise
          ? checked.then(() => sendAnswer(answer, isReply, answers))
          : sendAnswer(answer, isReply, answers);
      } catch (error) {
        return Promise.reject(toAgentwireError(error, 'ERR_INVALID_ARGUMENT'));
      }
    },
    signal: (to) =>
      to.expects === undefined ? new AbortController().signal : watchRequest(requestOf(to), pid, logger),
    credit: (to) => {
      const request = requestOf(to);
      return request === undefined ? Promise.reject(requestOver()) : request.window?.take();
    },
    restore: (to) => requestOf(to)?.window?.restore(),
  };
}
