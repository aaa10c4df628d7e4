import type { Clock } from '@agentwire/core';
import type { Inbox } from '../inbox/inbox.ts';
import { createMessage, type KernelMessage, type MessageOptions } from '../message/message.ts';
import type { Payload } from '../message/payload.ts';
import { type Target, target } from '../message/target.ts';
import type { Pid } from '../process/pid.ts';
import type { ServiceOptions } from '../routing/service.ts';
import type { AnswerStream, StreamOptions } from './answer-stream.ts';
import type { Interceptor } from './interceptors.ts';
import type { Observer } from './observer.ts';
import { type MessageHandler, serve, type ServeOptions } from './serve.ts';
import type { RequestOptions } from './request.ts';
import type { RequestManyOptions } from './request-many.ts';
import type { SendReport } from './send-report.ts';
import type { SubscribeOptions } from './subscriptions.ts';

/** Collaborators of an endpoint: messages are made where they are sent. */
export interface EndpointDeps {
  /** Time of the messages that are made here. */
  readonly clock: Clock;
  /** Hooks around handlers. */
  readonly interceptors: readonly Interceptor[];
  /** Traces handlers. */
  readonly observer: Observer | undefined;
  /** Makes and sends a message. */
  readonly send: (from: Pid, to: Target, payload: Payload, options: MessageOptions | undefined) => Promise<SendReport>;
  /** Makes and sends a message, and waits for the answer. */
  readonly request: (
    from: Pid,
    to: Target,
    payload: Payload,
    options: RequestOptions | undefined,
    message: MessageOptions | undefined,
  ) => Promise<KernelMessage>;
}

/** Methods of a router that an endpoint calls. */
export interface EndpointRouter {
  requestMany(message: KernelMessage, options?: RequestManyOptions): Promise<KernelMessage[]>;
  requestStream(message: KernelMessage, options?: StreamOptions): AnswerStream;
  subscribe(pid: Pid, pattern: string, options?: SubscribeOptions): void;
  unsubscribe(pid: Pid, pattern: string): boolean;
  provide(pid: Pid, service: string, options?: ServiceOptions): void;
  withdraw(pid: Pid, service: string): boolean;
}

/** One process's handle on the router: what it sends comes from that process, whatever the caller would like. */
export class A2AEndpoint {
  /** The process that it speaks for. */
  readonly pid: Pid;
  /** Messages that were sent to it. */
  readonly inbox: Inbox;
  readonly #router: EndpointRouter;
  readonly #deps: EndpointDeps;

  /** @internal Made by `A2ARouter.register`. */
  constructor(router: EndpointRouter, pid: Pid, inbox: Inbox, deps: EndpointDeps) {
    this.#router = router;
    this.pid = pid;
    this.inbox = inbox;
    this.#deps = deps;
  }

  /** Sends a message; rejects as `A2ARouter.send` does. */
  send(to: Target, payload: Payload, options?: MessageOptions): Promise<SendReport> {
    return this.#deps.send(this.pid, to, payload, options);
  }

  /** Sends to every subscriber of a topic. */
  publish(topic: string, payload: Payload, options?: MessageOptions): Promise<SendReport> {
    return this.send(target.topic(topic), payload, options);
  }

  /** Sends a message and waits for the answer; rejects as `A2ARouter.request` does. */
  request(to: Target, payload: Payload, options?: RequestOptions, message?: MessageOptions): Promise<KernelMessage> {
    return this.#deps.request(this.pid, to, payload, options, message);
  }

  /** Sends a message and gathers answers, as `A2ARouter.requestMany` does. */
  requestMany(
    to: Target,
    payload: Payload,
    options?: RequestManyOptions,
    message?: MessageOptions,
  ): Promise<KernelMessage[]> {
    return this.#router.requestMany(createMessage(this.pid, to, payload, message, this.#deps.clock), options);
  }

  /** Sends a message and gives the parts of its answer as they come, as `A2ARouter.requestStream` does. */
  requestStream(to: Target, payload: Payload, options?: StreamOptions, message?: MessageOptions): AnswerStream {
    return this.#router.requestStream(createMessage(this.pid, to, payload, message, this.#deps.clock), options);
  }

  /**
   * Handles messages of the inbox until it closes or `signal` aborts; resolves when the last handler has ended.
   *
   * A payload that the handler gives back is the answer; what it throws is the error of the request that it handled.
   */
  serve(handler: MessageHandler, options: ServeOptions = {}): Promise<void> {
    return serve(this.inbox, handler, options, this.#deps.interceptors, this.#deps.observer);
  }

  /** Subscribes to a topic or pattern; throws `ERR_CAPABILITY_DENIED` outside the scope. */
  subscribe(pattern: string, options?: SubscribeOptions): void {
    this.#router.subscribe(this.pid, pattern, options);
  }

  /** Ends a subscription; false if there was none. */
  unsubscribe(pattern: string): boolean {
    return this.#router.unsubscribe(this.pid, pattern);
  }

  /** Becomes an owner of a service. */
  provide(service: string, options?: ServiceOptions): void {
    this.#router.provide(this.pid, service, options);
  }

  /** Stops being an owner of a service; false if it was none. */
  withdraw(service: string): boolean {
    return this.#router.withdraw(this.pid, service);
  }
}
