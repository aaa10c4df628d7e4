import { AgentwireError, type ErrorCode, type Logger, toAgentwireError } from '@agentwire/core';
import { isLater } from '../gate/judge-answer.ts';
import type { DeadLetters } from '../inbox/dead-letters.ts';
import type { OfferOutcome } from '../inbox/inbox.ts';
import { ReceivedMessage } from '../message/received-message.ts';
import type { Replier } from '../message/reply-channel.ts';
import type { KernelMessage } from '../message/message.ts';
import type { Target } from '../message/target.ts';
import { mayReachProcess, mayReachSubscriber, type ScopeHolder } from '../process/capability-checker.ts';
import { KERNEL_PID, type Pid } from '../process/pid.ts';
import type { CheckDeps } from '../routing/contract.ts';
import type { ServiceRegistry } from '../routing/service-registry.ts';
import type { TopicRouter } from '../routing/topic-router.ts';
import { type Outcome, refusal, settleOne, single, withSequence } from './delivery-report.ts';
import { deliverToMany } from './deliver-to-many.ts';
import type { InboxTable } from './inbox-table.ts';
import { addResponder, dropResponder, type PendingRequest } from './pending-request.ts';
import type { RemoteBackend } from './remote-backend.ts';
import { NO_REJECTIONS, type SendReport } from './send-report.ts';
import { ServiceDelivery } from './service-delivery.ts';

/** Collaborators of the delivery. */
export interface DeliveryDeps {
  readonly inboxes: InboxTable;
  readonly topics: TopicRouter;
  readonly services: () => ServiceRegistry | undefined;
  readonly deadLetters: DeadLetters;
  readonly backend: RemoteBackend | undefined;
  readonly kernelHandler: ((message: ReceivedMessage) => unknown) | undefined;
  readonly reply: Replier;
  /** Bounds of schemas that answer later. */
  readonly checks: CheckDeps;
  readonly logger: Logger;
}

/** Brings a message that may be sent to those it is for. Throws or rejects when a single recipient cannot have it. */
export class Delivery {
  /** Delivery to services, and the check of arguments against their contracts. */
  readonly services: ServiceDelivery;
  readonly #deps: DeliveryDeps;

  constructor(deps: DeliveryDeps) {
    this.#deps = deps;
    this.services = new ServiceDelivery({
      inboxes: deps.inboxes,
      services: deps.services,
      deadLetters: deps.deadLetters,
      backend: deps.backend,
      checks: deps.checks,
      one: (pid, message, waiting) => this.#one(pid, message, waiting),
      remote: (message, to, waiting) => this.#remote(message, to, waiting),
    });
  }

  /** Delivers to a target; `waiting` is the request that the message asks, `holder` the scope of its sender. */
  deliver(message: KernelMessage, to: Target, holder: ScopeHolder, waiting: PendingRequest | undefined): Outcome {
    switch (to.kind) {
      case 'process':
        return to.pid === KERNEL_PID ? this.#kernel(message, waiting) : this.#one(to.pid, message, waiting);
      case 'kernel':
        return this.#kernel(message, waiting);
      case 'topic':
        return this.#topic(message, to.name, holder, waiting);
      case 'broadcast':
        return this.#broadcast(message, holder, waiting);
      case 'service':
        return this.services.deliver(message, to.service, undefined, holder, waiting);
      case 'serviceMethod':
        return this.services.deliver(message, to.service, to.method, holder, waiting);
      default:
        return this.#remoteNode(message, to, holder, waiting);
    }
  }

  #one(pid: Pid, message: KernelMessage, waiting: PendingRequest | undefined): Outcome {
    return this.#settleOne(pid, message, this.#deps.inboxes.offer(pid, message, waiting));
  }

  #settleOne(pid: Pid, message: KernelMessage, outcome: OfferOutcome): Outcome {
    return outcome instanceof Promise
      ? outcome.then((code) => settleOne(pid, message, code))
      : settleOne(pid, message, outcome);
  }

  /**
   * Delivers a dead letter to the one recipient that did not get it, if the scope of its sender allows that recipient.
   *
   * @throws AgentwireError `ERR_CAPABILITY_DENIED`
   */
  redeliver(pid: Pid, message: KernelMessage, holder: ScopeHolder): Outcome {
    const { kind } = message.target;
    const reaches = kind === 'topic' ? mayReachSubscriber(holder, pid) : mayReachProcess(holder, pid);
    if (!reaches) {
      throw new AgentwireError('ERR_CAPABILITY_DENIED', `the sender may not reach process ${pid}`, { detail: { pid } });
    }
    if (pid === KERNEL_PID) return this.#kernel(message, undefined);
    const outcome = this.#deps.inboxes.redeliver(pid, message);
    const settle = (code: ErrorCode | undefined): SendReport => {
      if (code !== undefined) throw refusal(code, pid);
      return single(message);
    };
    return outcome instanceof Promise ? outcome.then(settle) : settle(outcome);
  }

  #kernel(message: KernelMessage, waiting: PendingRequest | undefined): Outcome {
    const handler = this.#deps.kernelHandler;
    if (handler === undefined) {
      this.#deps.deadLetters.add(message, KERNEL_PID, 'target_not_found');
      throw new AgentwireError('ERR_NO_HANDLER', 'this router was given no kernelHandler');
    }
    const { logger, reply } = this.#deps;
    if (waiting !== undefined) addResponder(waiting, KERNEL_PID);
    const failed = (error: unknown): void => {
      const text = error instanceof Error ? error.message : String(error);
      // in the sentence too, so that repeats of one error hide no other
      logger.error({ error: text }, `the kernel handler failed: ${text}`);
    };
    try {
      const result: unknown = handler(ReceivedMessage.deliver(message, reply));
      if (isLater(result)) Promise.resolve(result).catch(failed);
    } catch (error) {
      failed(error);
      if (waiting !== undefined) dropResponder(waiting, KERNEL_PID);
      throw new AgentwireError('ERR_HANDLER', 'the kernel handler failed', { cause: error });
    }
    return single(message);
  }

  #topic(message: KernelMessage, topic: string, holder: ScopeHolder, waiting: PendingRequest | undefined): Outcome {
    const { topics, backend } = this.#deps;
    // the subscribers are looked up first, because a name that is no topic must not be remembered.
    const subscribers = topics.subscribers(topic);
    const sequence = topics.note(topic, message, holder);
    const noted = sequence === undefined ? message : { ...message, sequence };
    const reaches = (pid: Pid): boolean => mayReachSubscriber(holder, pid);
    const here = withSequence(deliverToMany(this.#deps.inboxes, subscribers, noted, reaches, waiting), sequence);
    // what came from another node is not sent on, and a scope of pids means processes of this node.
    const { kind } = holder.capabilities.ipcScope;
    if (backend === undefined || message.fromNode !== undefined || kind === 'restricted' || kind === 'parentOnly')
      return here;
    return this.#withRemote(message, { kind: 'topic', name: topic }, here, waiting);
  }

  #broadcast(message: KernelMessage, holder: ScopeHolder, waiting: PendingRequest | undefined): Outcome {
    const { inboxes } = this.#deps;
    return deliverToMany(inboxes, [...inboxes.pids()], message, (pid) => mayReachProcess(holder, pid), waiting);
  }

  #remoteNode(
    message: KernelMessage,
    to: Extract<Target, { kind: 'remoteNode' }>,
    holder: ScopeHolder,
    waiting: PendingRequest | undefined,
  ): Outcome {
    const { backend, deadLetters } = this.#deps;
    const kept = message.durable === true && to.target.kind === 'service';
    if (backend !== undefined && to.nodeId === backend.nodeId && !kept) {
      return this.deliver(message, to.target, holder, waiting);
    }
    if (backend !== undefined && message.fromNode === undefined) return this.#remote(message, to, waiting);
    deadLetters.add(message, undefined, 'target_not_found');
    throw new AgentwireError(
      'ERR_NO_HANDLER',
      `this router has no backend that reaches node ${JSON.stringify(to.nodeId)}`,
    );
  }

  async #remote(message: KernelMessage, to: Target, waiting: PendingRequest | undefined): Promise<SendReport> {
    if (waiting !== undefined) waiting.remote = true;
    await this.#deps.backend?.deliver(message, {
      target: to,
      expectsReply: waiting !== undefined,
      window: waiting?.window?.size,
    });
    // a request that ended while it was handed over was forgotten before the backend knew it.
    if (waiting?.ended === true) this.#deps.backend?.forget(message.id);
    return { messageId: message.id, delivered: 0, rejected: NO_REJECTIONS, remote: 1 };
  }

  async #withRemote(
    message: KernelMessage,
    to: Target,
    here: Outcome,
    waiting: PendingRequest | undefined,
  ): Promise<SendReport> {
    const [local, remote] = await Promise.allSettled([here, this.#remote(message, to, waiting)]);
    if (local.status === 'rejected') throw local.reason;
    if (remote.status === 'fulfilled') return { ...local.value, remote: remote.value.remote };
    // a message that reached no process here either failed as a whole, and may be sent again.
    const undelivered =
      waiting === undefined || waiting.ended ? local.value.delivered === 0 : waiting.responders === undefined;
    if (undelivered) throw remote.reason;
    if (waiting !== undefined) waiting.remote = false;
    return { ...local.value, remoteError: toAgentwireError(remote.reason, 'ERR_IO').code };
  }
}
