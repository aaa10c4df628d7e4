import { AgentwireError, type Clock, type ErrorCode } from '@agentwire/core';
import { IdleWaiters } from '@agentwire/core/internal';
import type { KernelMessage } from '../message/message.ts';
import type { Pid } from '../process/pid.ts';
import { mayAnswer, type PendingRequest } from './pending-request.ts';
import { PendingRequests } from './pending-requests.ts';
import type { RemoteReply } from './remote-backend.ts';
import { NOT_LOCAL, RemoteRequest } from './remote-request.ts';
import { SlotMap } from './slot-map.ts';
import { NO_REJECTIONS, type SendReport } from './send-report.ts';
import { requestOver } from './request-signals.ts';
import { StreamWindow } from './stream-window.ts';

const DEFAULT_WAIT_MS = 30_000;
const LONGEST_WAIT_MS = 86_400_000;

/** Requests of processes on other nodes that processes here may still answer; each ends with an answer or a failure. */
export class RemoteRequests {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #waiting: PendingRequests;
  readonly #requests = new SlotMap<RemoteRequest>();
  readonly #ofNode = new Map<string, number>();
  readonly #idle = new IdleWaiters();

  constructor(clock: Clock, limit: number) {
    this.#clock = clock;
    this.#limit = limit;
    this.#waiting = new PendingRequests(clock, limit, () => undefined);
  }

  /** Requests that wait. */
  get size(): number {
    return this.#requests.size;
  }

  /** Notes a request; throws `ERR_DUPLICATE_REQUEST` for an id of the same node, and `ERR_OVERLOADED` past the limit, of which one node has half. */
  open(message: KernelMessage, reply: RemoteReply): PendingRequest {
    const node = message.fromNode ?? '';
    const mine = this.#ofNode.get(node) ?? 0;
    if (mine >= Math.ceil(this.#limit / 2)) {
      throw new AgentwireError('ERR_OVERLOADED', `${mine} requests of one node wait here already`, {
        detail: { limit: Math.ceil(this.#limit / 2) },
      });
    }
    const { deadline, from } = message;
    const left = deadline === undefined ? DEFAULT_WAIT_MS : Math.max(0, deadline - this.#clock.wallNow());
    const request: RemoteRequest = new RemoteRequest(
      keyOf(node, message.id),
      this.#clock.now() + Math.min(left, LONGEST_WAIT_MS),
      {
        onReply: () => true,
        onEnd: ({ code, message: text }) => {
          this.#forget(request);
          // the asker has noticed by itself that the time is over.
          if (code !== 'ERR_TIMEOUT') reply.fail(code, text);
        },
      },
      reply.window === undefined ? undefined : new StreamWindow(reply.window),
      { node, messageId: message.id, asker: from, reply },
    );
    this.#waiting.add(request);
    this.#requests.set(request.id, request);
    this.#ofNode.set(node, mine + 1);
    // who writes a stream is given credits, so it must be known from the start.
    if (request.window !== undefined) reply.watch?.();
    return request;
  }

  /** Takes a request out without a word, because its asker learns in another way. */
  drop(waiting: PendingRequest, error?: AgentwireError, answeredBy?: Pid): void {
    if (!(waiting instanceof RemoteRequest) || waiting.ended) return;
    this.#waiting.remove(waiting, error, answeredBy);
    this.#forget(waiting);
  }

  /** Tells whether a message answers a request that waits: it comes from a process that received it and goes to the one that asked. */
  answers(message: KernelMessage, known: PendingRequest | undefined): boolean {
    return this.#answered(message, known) !== undefined;
  }

  /** Tells whether a request of that process on another node has ended here. */
  hasEnded(node: string, id: string): boolean {
    return this.#waiting.hasEnded(keyOf(node, id), NOT_LOCAL);
  }

  /** Tells whether a request of that node is in hand here. */
  holds(node: string, id: string): boolean {
    return this.#requests.get(keyOf(node, id)) !== undefined;
  }

  /** Sends the answer to a request back, or a part of it; undefined when it answers none. */
  complete(message: KernelMessage, known: PendingRequest | undefined): SendReport | undefined {
    const request = this.#answered(message, known);
    if (request === undefined) return undefined;
    try {
      request.reply.answer(message);
    } catch (error) {
      if (request.window === undefined && error instanceof AgentwireError && error.code === 'ERR_CLOSED')
        request.unsent = true;
      throw error;
    }
    if (message.streamed === 'part') request.written += 1;
    else this.drop(request, undefined, message.from);
    return { messageId: message.id, delivered: 0, rejected: NO_REJECTIONS, remote: 1 };
  }

  /** `known` is the request that the answered message carries; without one it is looked up. */
  #answered(
    { correlationId, target, from }: KernelMessage,
    known: PendingRequest | undefined,
  ): RemoteRequest | undefined {
    if (correlationId === undefined || target.kind !== 'remoteNode' || this.#requests.size === 0) return undefined;
    const isKnown = known instanceof RemoteRequest && known.messageId === correlationId && known.node === target.nodeId;
    const request = isKnown ? known : this.#requests.get(keyOf(target.nodeId, correlationId));
    const { target: inner } = target;
    if (request === undefined || request.ended || inner.kind !== 'process' || inner.pid !== request.asker)
      return undefined;
    return mayAnswer(request, from) ? request : undefined;
  }

  /** The request with that id of that process. */
  find(node: string, id: string, asker: Pid): PendingRequest | undefined {
    const request = this.#requests.get(keyOf(node, id));
    return request?.asker === asker ? request : undefined;
  }

  /** Ends a request whose asker does not wait any more: only its handlers are told. */
  cancel(node: string, id: string): boolean {
    const request = this.#requests.get(keyOf(node, id));
    if (request === undefined) return false;
    this.drop(request, new AgentwireError('ERR_ABORTED', 'the asker gave the request up'));
    return true;
  }

  /** Ends every request of a node, see {@link RemoteRequests.cancel}; with `tell` the askers learn of it. */
  cancelNode(node: string, tell = false): void {
    for (const request of this.#requests.values()) {
      if (request.node !== node) continue;
      this.drop(request, new AgentwireError('ERR_ABORTED', 'the node of the asker is gone'));
      if (tell) request.reply.fail('ERR_CLOSED', 'the node that was asked did not hear of this one, and gave it up');
    }
  }

  /** Notes how many parts of a stream its asker has read; false if none is written. */
  credit(node: string, id: string, read: number): boolean {
    const request = this.#requests.get(keyOf(node, id));
    if (request?.window === undefined) return false;
    for (; request.read < Math.min(read, request.written); request.read += 1) request.window.restore();
    return true;
  }

  /** Has every asker told who works on its request, or that its answer was lost; see `RemoteHost.recheck`. */
  recheck(): void {
    for (const request of this.#requests.values()) {
      const { watchers, window, reply, unsent } = request;
      if (unsent)
        this.#waiting.end(request, new AgentwireError('ERR_CLOSED', 'there was no connection when it was answered'));
      else if (watchers !== undefined || window !== undefined) reply.watch?.();
    }
  }

  /** Notes that one who received a message of another node will not answer it. */
  loseResponder(message: KernelMessage, pid: Pid, code: ErrorCode): void {
    this.#waiting.loseResponder(keyOf(message.fromNode ?? '', message.id), pid, code);
  }

  /** Notes that a process will answer nothing any more. */
  processGone(pid: Pid, code: ErrorCode): void {
    this.#waiting.processGone(pid, code);
  }

  /** Resolves once none waits. */
  idle(): Promise<void> {
    return this.#requests.size === 0 ? Promise.resolve() : this.#idle.wait();
  }

  /** Ends everything. */
  close(): void {
    this.#waiting.close();
  }

  #forget(request: RemoteRequest): void {
    if (!this.#requests.delete(request.id)) return;
    request.window?.close(requestOver());
    if (this.#requests.size === 0) this.#idle.notify();
    const left = (this.#ofNode.get(request.node) ?? 1) - 1;
    if (left === 0) this.#ofNode.delete(request.node);
    else this.#ofNode.set(request.node, left);
  }
}

function keyOf(node: string, id: string): string {
  return `${node.length} ${node}${id}`;
}
