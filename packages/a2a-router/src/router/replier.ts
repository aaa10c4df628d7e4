import { type Clock, toAgentwireError } from '@agentwire/core';
import type { Replier } from '../inbox/reply-channel.ts';
import { createMessage, type KernelMessage } from '../message/message.ts';
import { target } from '../message/target.ts';
import type { Pid } from '../process/pid.ts';
import { checkAgainst, type CheckDeps, type StandardSchema } from '../routing/contract.ts';
import type { PendingRequest, PendingRequests } from './pending-requests.ts';
import type { RemoteRequests } from './remote-requests.ts';
import { requestOver, watchRequest } from './request-signals.ts';
import type { SendReport } from './send-report.ts';

/** What repliers work with. */
export interface ReplierDeps {
  /** Sends an answer; `isReply` is true when somebody waits for it in `request`. */
  readonly send: (message: KernelMessage, isReply: boolean, streamed: KernelMessage['streamed']) => Promise<SendReport>;
  readonly pending: PendingRequests;
  readonly remoteRequests: RemoteRequests;
  /** Schema that the answers of a method must fit. */
  readonly answerSchema: (service: string, method: string) => StandardSchema | undefined;
  readonly checks: CheckDeps;
  readonly clock: Clock;
}

/** Makes what answers messages in the name of `pid`, on the node where they came from. */
export function createReplier(
  pid: Pid,
  { send: sendAnswer, pending, remoteRequests, answerSchema, checks, clock }: ReplierDeps,
): Replier {
  const requestOf = ({ id, from, fromNode }: KernelMessage): PendingRequest | undefined => {
    const request = fromNode === undefined ? pending.find(id, from) : remoteRequests.find(fromNode, id, from);
    return request?.responders.includes(pid) === true ? request : undefined;
  };
  return {
    answer: (to, body, options, streamed) => {
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
        const send = (): Promise<SendReport> =>
          sendAnswer(answer, to.expects !== undefined && answer.correlationId === to.id, streamed);
        const { target: asked } = to;
        const isPart = streamed === undefined || streamed === 'part';
        const schema = isPart && asked.kind === 'serviceMethod' ? answerSchema(asked.service, asked.method) : undefined;
        if (schema === undefined) return send();
        const checked = checkAgainst(schema, body, 'the answer', checks);
        return checked instanceof Promise ? checked.then(send) : send();
      } catch (error) {
        return Promise.reject(toAgentwireError(error, 'ERR_INVALID_ARGUMENT'));
      }
    },
    signal: (to) => (to.expects === undefined ? new AbortController().signal : watchRequest(requestOf(to), pid)),
    credit: (to) => {
      const request = requestOf(to);
      return request === undefined ? Promise.reject(requestOver()) : request.window?.take();
    },
    restore: (to) => requestOf(to)?.window?.restore(),
  };
}
