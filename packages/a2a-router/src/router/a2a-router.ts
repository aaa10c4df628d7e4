import { checkMethods } from '@agentwire/core/internal';
import type { ChainManager } from '../chain/chain-manager.ts';
import type { GateBackend, GateDecision } from '../gate/gate.ts';
import type { DeadLetters } from '../inbox/dead-letters.ts';
import type { InboxOptions } from '../inbox/inbox-options.ts';
import type { Inbox } from '../inbox/inbox.ts';
import type { KernelMessage } from '../message/message.ts';
import { sealMessage } from '../message/seal-message.ts';
import { CapabilityChecker } from '../process/capability-checker.ts';
import type { Pid } from '../process/pid.ts';
import type { ProcessLinks } from '../process/process-links.ts';
import { ProcessTable } from '../process/process-table.ts';
import type { ServiceOptions } from '../routing/service.ts';
import { ServiceRegistry } from '../routing/service-registry.ts';
import { TopicRouter } from '../routing/topic-router.ts';
import { AnswerStream, type StreamOptions } from './answer-stream.ts';
import { assembleRouter, type RouterComponents } from './assemble-router.ts';
import { A2AEndpoint } from './endpoint.ts';
import { processExited } from './process-exit.ts';
import { createRemoteHost } from './remote-host.ts';
import { requestOne, type RequestOptions } from './request.ts';
import { requestMany, type RequestManyOptions } from './request-many.ts';
import {
  type A2ARouterOptions,
  type ResolvedRouterSettings,
  resolveRouterSettings,
  type RouterSettings,
  splitRouterOptions,
} from './router-options.ts';
import type { SendReport } from './send-report.ts';
import type { SubscribeOptions } from './subscriptions.ts';

/**
 * Routes messages between agents: inboxes, direct messages, topics, broadcast, services, requests, gate and audit.
 *
 * A message is copied first and then passes in this order: its sender exists and is running, its deadline, the sender's rates, the
 * gate, the scope, delivery.
 */
export class A2ARouter {
  readonly #settings: ResolvedRouterSettings;
  readonly #components: RouterComponents;
  readonly #stopListening: () => void;

  constructor(
    processTable: ProcessTable,
    capabilityChecker: CapabilityChecker,
    topicRouter: TopicRouter,
    settings: RouterSettings = {},
  ) {
    this.#settings = resolveRouterSettings(settings);
    this.#components = assembleRouter({
      table: processTable,
      checker: capabilityChecker,
      topics: topicRouter,
      settings: this.#settings,
    });
    const { chain, backend } = this.#settings;
    const {
      deadLetters,
      localSender,
      table,
      path,
      pending,
      remoteRequests,
      remoteWatches,
      replierOf,
      open,
      services,
      subscriptions,
    } = this.#components;
    deadLetters.attach((letter) => localSender.redrive(letter, chain));
    this.#stopListening = processTable.onExit((entry) => processExited(this.#components, entry));
    // last, because a backend may hand messages over at once
    backend?.attach(
      createRemoteHost({ path, pending, remoteRequests, remoteWatches, chain, table, replierOf, open, services }),
    );
    services.announce();
    subscriptions.announce();
  }

  /** Attaches a registry of services; gives back the router itself. */
  withServiceRegistry(registry: ServiceRegistry): this {
    this.#components.open.check();
    checkMethods('registry', registry, ['register', 'unregister', 'choose', 'attach']);
    this.#components.services.replace(registry);
    return this;
  }

  /** Attaches the gate; gives back the router itself. Throws `ERR_INVALID_STATE` if there is one already. */
  withGate(gate: GateBackend): this {
    this.setGate(gate);
    return this;
  }

  /** Sets the gate once, also after the router was handed around; a second time throws `ERR_INVALID_STATE`. */
  setGate(gate: GateBackend): void {
    this.#components.open.check();
    this.#components.gateSlot.fill(gate);
  }

  /** The registry of services, if there is one. */
  get serviceRegistry(): ServiceRegistry | undefined {
    return this.#components.services.registry;
  }

  /** The topics. */
  get topicRouter(): TopicRouter {
    return this.#components.topics;
  }

  /** The processes. */
  get processTable(): ProcessTable {
    return this.#components.table;
  }

  /** Links and monitors: processes that are told when another one exits. */
  get links(): ProcessLinks {
    return this.#components.links;
  }

  /** Messages that no process received. */
  get deadLetters(): DeadLetters {
    return this.#components.deadLetters;
  }

  /** Inboxes that exist. */
  get inboxCount(): number {
    return this.#components.inboxes.size;
  }

  /** Messages that wait in the inbox of a process; 0 when it has none. */
  queuedMessages(pid: Pid): number {
    return this.#components.inboxes.queued(pid);
  }

  /** Requests that wait for an answer. */
  get pendingRequestCount(): number {
    return this.#components.pending.size;
  }

  /** Messages that the gate deferred and that wait for {@link A2ARouter.resolveDeferred}, oldest first. */
  get parkedMessages(): readonly KernelMessage[] {
    return this.#components.parked.list();
  }

  /** Makes the inbox of a process; one that is there is closed, and what it holds goes to the dead letters. */
  createInbox(pid: Pid, options?: InboxOptions): Inbox {
    this.#components.open.check();
    return this.#components.inboxes.create(pid, options === undefined ? this.#settings.inbox : options);
  }

  /** Removes the inbox of a process; what it holds goes to the dead letters, who waits for its answers is told. */
  removeInbox(pid: Pid): void {
    if (!this.#components.inboxes.remove(pid, 'target_not_found')) return;
    this.#components.pending.processGone(pid, 'ERR_NO_INBOX');
    this.#components.remoteRequests.processGone(pid, 'ERR_NO_INBOX');
  }

  /** Makes an inbox and the handle with which the process sends: `from` is then set here and cannot be forged. */
  register(pid: Pid, options?: InboxOptions): A2AEndpoint {
    return new A2AEndpoint(this, pid, this.createInbox(pid, options), this.#components.endpointDeps);
  }

  /**
   * Sends a message whose `from` is believed: for the kernel side only; agents get an endpoint from `register`.
   *
   * Rejects with the code of what stood in the way. Recipients of topics and broadcasts that could not be reached are
   * in the report instead.
   */
  send(message: KernelMessage): Promise<SendReport> {
    return this.sendChecked(message, this.#settings.chain);
  }

  /** Sends as `send` does and records intent and outcome in `chain`; without a chain it is `send` without audit. */
  sendChecked(message: KernelMessage, chain?: ChainManager): Promise<SendReport> {
    return this.#components.localSender.send(message, chain);
  }

  /**
   * Sends a message and waits for the answer to it.
   *
   * Rejects with the code of a failed send, `ERR_NO_RESPONDERS` if no process received it, `ERR_INBOX_CLOSED` when the one
   * who did exits, `ERR_TIMEOUT`, `ERR_ABORTED`, `ERR_DUPLICATE_REQUEST` or `ERR_OVERLOADED`. Nothing stays behind.
   */
  request(message: KernelMessage, options?: RequestOptions): Promise<KernelMessage> {
    return requestOne(this.#components.requests, message, options);
  }

  /** Sends a message and gathers answers until there are `max`, none came for `stallMs`, or `timeoutMs` is over. */
  requestMany(message: KernelMessage, options?: RequestManyOptions): Promise<KernelMessage[]> {
    return requestMany(this.#components.requests, message, options);
  }

  /**
   * Sends a message and gives the parts of its answer as they come, in order; at most `window` of them wait to be read.
   *
   * Throws for options and targets that cannot be; topics and broadcasts have several writers. Reading rejects as `request` does. Leaving the
   * loop gives the stream up: `message.signal` of the writer aborts, and its writes reject with `ERR_REQUEST_ENDED`.
   */
  requestStream(message: KernelMessage, options?: StreamOptions): AnswerStream {
    return AnswerStream.request(this.#components.requests, message, options);
  }

  /** Completes the request that a message answers; false unless it comes from a process that received that request and goes to the one that asked. */
  tryCompleteRequest(message: KernelMessage): boolean {
    if (this.#components.open.closed) return false;
    return this.#components.pending.complete(sealMessage(message), undefined);
  }

  /** Subscribes a process to a topic or pattern; throws `ERR_CAPABILITY_DENIED` outside its scope. */
  subscribe(pid: Pid, pattern: string, options: SubscribeOptions = {}): void {
    this.#components.open.check();
    this.#components.subscriptions.add(pid, pattern, options);
  }

  /** Ends a subscription; false if there was none. */
  unsubscribe(pid: Pid, pattern: string): boolean {
    return this.#components.subscriptions.remove(pid, pattern);
  }

  /** Makes a process an owner of a service. */
  provide(pid: Pid, service: string, options?: ServiceOptions): void {
    this.#components.open.check();
    this.#components.services.add(pid, service, options);
  }

  /** Ends the ownership of a service; false if there was none. */
  withdraw(pid: Pid, service: string): boolean {
    return this.#components.services.remove(pid, service);
  }

  /** Decides about a parked message; false if none has that id. A decision that cannot be read is a denial. */
  resolveDeferred(messageId: string, decision: GateDecision): boolean {
    return this.#components.parked.resolve(messageId, decision);
  }

  /** Ends every wait and every inbox; idempotent. The process table, the chain and the backend stay as they are. */
  close(): Promise<void> {
    const { open, parked, pending, remoteRequests, inboxes, subscriptions, services } = this.#components;
    if (!open.close()) return Promise.resolve();
    this.#settings.backend?.detach?.();
    this.#stopListening();
    parked.close();
    pending.close();
    remoteRequests.close();
    for (const pid of inboxes.pids()) inboxes.remove(pid, 'agent_exited');
    subscriptions.close();
    services.close();
    return Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Makes a router with everything that was not given: process table, checker, topics and services. */
export function createA2ARouter(options: A2ARouterOptions = {}): A2ARouter {
  const [{ processTable = new ProcessTable(), topicRouter = new TopicRouter(), capabilityChecker }, settings] =
    splitRouterOptions(options);
  return new A2ARouter(processTable, capabilityChecker ?? new CapabilityChecker(processTable), topicRouter, {
    ...settings,
    serviceRegistry: settings.serviceRegistry ?? new ServiceRegistry(),
  });
}
