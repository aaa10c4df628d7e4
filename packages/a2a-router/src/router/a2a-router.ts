import { AgentwireError, type Clock, toAgentwireError } from '@agentwire/core';
import type { ChainManager } from '../chain/chain-manager.ts';
import type { GateBackend, GateDecision } from '../gate/gate.ts';
import { DeadLetters } from '../inbox/dead-letters.ts';
import type { InboxOptions } from '../inbox/inbox-options.ts';
import type { Inbox } from '../inbox/inbox.ts';
import type { Replier } from '../inbox/received-message.ts';
import { createMessage, type KernelMessage } from '../message/message.ts';
import { payload } from '../message/payload.ts';
import { target } from '../message/target.ts';
import type { CapabilityChecker } from '../process/capability-checker.ts';
import { KERNEL_PID, type Pid } from '../process/pid.ts';
import { ProcessLinks } from '../process/process-links.ts';
import type { ProcessEntry, ProcessTable } from '../process/process-table.ts';
import { type ServiceOptions, ServiceRegistry } from '../routing/service-registry.ts';
import type { TopicRouter } from '../routing/topic-router.ts';
import { Delivery } from './delivery.ts';
import { A2AEndpoint } from './endpoint.ts';
import { InboxTable } from './inbox-table.ts';
import { ParkedMessages } from './parked-messages.ts';
import { type PendingRequest, PendingRequests } from './pending-requests.ts';
import { createRemoteHost } from './remote-host.ts';
import { requestMany, type RequestManyOptions, requestOne, type RequestOptions, type RequestParts } from './request.ts';
import { type ResolvedRouterSettings, resolveRouterSettings, type RouterSettings } from './router-options.ts';
import { type SendOutcome, SendPath } from './send-path.ts';
import type { SendReport } from './send-report.ts';
import type { SubscribeOptions } from './subscribe-options.ts';

/**
 * Routes messages between agents: inboxes, direct messages, topics, broadcast, services, requests, gate and audit.
 *
 * Every message passes in this order: the sender exists, it is running or suspended, the gate, its scope, delivery.
 */
export class A2ARouter {
  readonly #settings: ResolvedRouterSettings;
  readonly #clock: Clock;
  readonly #table: ProcessTable;
  readonly #checker: CapabilityChecker;
  readonly #topics: TopicRouter;
  readonly #links = new ProcessLinks();
  readonly #deadLetters: DeadLetters;
  readonly #pending: PendingRequests;
  readonly #parked: ParkedMessages;
  readonly #inboxes: InboxTable;
  readonly #path: SendPath;
  readonly #requests: RequestParts;
  readonly #stopListening: () => void;
  #registry: ServiceRegistry | undefined;
  #gate: GateBackend | undefined;
  #closed = false;

  constructor(
    processTable: ProcessTable,
    capabilityChecker: CapabilityChecker,
    topicRouter: TopicRouter,
    settings: RouterSettings = {},
  ) {
    this.#settings = resolveRouterSettings(settings);
    const { clock, backend, kernelHandler, rememberedKeys } = this.#settings;
    this.#clock = clock;
    this.#table = processTable;
    this.#checker = capabilityChecker;
    this.#topics = topicRouter;
    this.#registry = settings.serviceRegistry;
    this.#gate = settings.gate;
    this.#deadLetters = settings.deadLetters ?? new DeadLetters({ clock });
    this.#pending = new PendingRequests(clock, this.#settings.maxPendingRequests, (id) => backend?.forget(id));
    this.#parked = new ParkedMessages(clock, this.#settings.maxParked, this.#settings.parkTimeoutMs);
    const replierOf = (pid: Pid): Replier => this.#replierOf(pid);
    this.#inboxes = new InboxTable({
      table: processTable,
      deadLetters: this.#deadLetters,
      pending: this.#pending,
      clock,
      replierOf,
      rememberedKeys,
    });
    this.#path = new SendPath({
      ...this.#settings,
      table: processTable,
      checker: capabilityChecker,
      pending: this.#pending,
      parked: this.#parked,
      deadLetters: this.#deadLetters,
      backend,
      acceptRemote: settings.acceptRemote,
      gate: () => this.#gate,
      delivery: new Delivery({
        inboxes: this.#inboxes,
        topics: topicRouter,
        services: () => this.#registry,
        deadLetters: this.#deadLetters,
        backend,
        kernelHandler,
        reply: replierOf(KERNEL_PID),
      }),
    });
    const { chain } = settings;
    this.#requests = {
      clock,
      pending: this.#pending,
      dispatch: (message, waiting) => this.#dispatch(message, chain, waiting),
    };
    this.#deadLetters.attach((message, recipient) => this.#redeliver(message, recipient));
    this.#stopListening = processTable.onExit((entry) => this.#processExited(entry));
    const { logger } = this.#settings;
    const host = { path: this.#path, pending: this.#pending, chain, logger, reply: replierOf(KERNEL_PID) };
    backend?.attach(createRemoteHost(host));
  }

  /** Attaches a registry of services; gives back the router itself. */
  withServiceRegistry(registry: ServiceRegistry): this {
    this.#registry = registry;
    return this;
  }

  /** Attaches the gate; gives back the router itself. Throws `ERR_INVALID_STATE` if there is one already. */
  withGate(gate: GateBackend): this {
    this.setGate(gate);
    return this;
  }

  /** Sets the gate once, also after the router was handed around; a second time throws `ERR_INVALID_STATE`. */
  setGate(gate: GateBackend): void {
    if (this.#gate !== undefined) throw new AgentwireError('ERR_INVALID_STATE', 'the router has a gate already');
    this.#gate = gate;
  }

  /** The registry of services, if there is one. */
  get serviceRegistry(): ServiceRegistry | undefined {
    return this.#registry;
  }

  /** The topics. */
  get topicRouter(): TopicRouter {
    return this.#topics;
  }

  /** The processes. */
  get processTable(): ProcessTable {
    return this.#table;
  }

  /** Who is told when a process exits. */
  get links(): ProcessLinks {
    return this.#links;
  }

  /** Messages that nobody received. */
  get deadLetters(): DeadLetters {
    return this.#deadLetters;
  }

  /** Inboxes that exist. */
  get inboxCount(): number {
    return this.#inboxes.size;
  }

  /** Messages that wait in the inbox of a process; 0 when it has none. */
  queuedMessages(pid: Pid): number {
    return this.#inboxes.queued(pid);
  }

  /** Requests that wait for an answer. */
  get pendingRequestCount(): number {
    return this.#pending.size;
  }

  /** Messages that the gate deferred and that wait for {@link A2ARouter.resolveDeferred}, oldest first. */
  get parkedMessages(): readonly KernelMessage[] {
    return this.#parked.list();
  }

  /** Makes the inbox of a process; one that is there is closed, and what it holds goes to the dead letters. */
  createInbox(pid: Pid, options?: InboxOptions): Inbox {
    this.#checkOpen();
    return this.#inboxes.create(pid, options ?? this.#settings.inbox);
  }

  /** Removes the inbox of a process; what it holds goes to the dead letters, who waits for its answers is told. */
  removeInbox(pid: Pid): void {
    if (this.#inboxes.remove(pid, 'target_not_found')) this.#pending.processGone(pid, 'ERR_NO_INBOX');
  }

  /** Makes an inbox and the handle with which the process sends: `from` is then set here and cannot be forged. */
  register(pid: Pid, options?: InboxOptions): A2AEndpoint {
    return new A2AEndpoint(this, pid, this.createInbox(pid, options), this.#clock);
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
    try {
      const outcome = this.#dispatch(message, chain, undefined);
      return outcome instanceof Promise ? outcome : Promise.resolve(outcome);
    } catch (error) {
      return Promise.reject(toAgentwireError(error, 'ERR_HANDLER'));
    }
  }

  /**
   * Sends a message and waits for the answer to it.
   *
   * Rejects with the code of a failed send, `ERR_NO_RESPONDERS` if nobody received it, `ERR_INBOX_CLOSED` when the one
   * who did exits, `ERR_TIMEOUT`, `ERR_ABORTED`, `ERR_DUPLICATE_REQUEST` or `ERR_OVERLOADED`. Nothing stays behind.
   */
  request(message: KernelMessage, options?: RequestOptions): Promise<KernelMessage> {
    return requestOne(this.#requests, message, options);
  }

  /** Sends a message and gathers answers until there are `max`, none came for `stallMs`, or `timeoutMs` is over. */
  requestMany(message: KernelMessage, options?: RequestManyOptions): Promise<KernelMessage[]> {
    return requestMany(this.#requests, message, options);
  }

  /** Completes the request that a message answers; false unless the message comes from one who received that request. */
  tryCompleteRequest(message: KernelMessage): boolean {
    return this.#pending.complete(message);
  }

  /** Subscribes a process to a topic or pattern; throws `ERR_CAPABILITY_DENIED` outside its scope. */
  subscribe(pid: Pid, pattern: string, options: SubscribeOptions = {}): void {
    if (this.#table.get(pid) === undefined) throw notFound(pid);
    if (!this.#checker.canUseTopic(pid, pattern)) {
      throw new AgentwireError(
        'ERR_CAPABILITY_DENIED',
        `process ${pid} may not subscribe to ${JSON.stringify(pattern)}`,
      );
    }
    const known = this.#topics.has(pattern);
    this.#topics.subscribe(pid, pattern);
    if (!known) this.#settings.backend?.subscriptionChanged(pattern, true);
    const missed = options.fromSequence === undefined ? [] : this.#topics.replay(pattern, options.fromSequence);
    const last = options.retained === true && missed.length === 0 ? this.#topics.retained(pattern) : [];
    for (const message of [...missed, ...last]) void this.#inboxes.offer(pid, message, undefined);
  }

  /** Ends a subscription; false if there was none. */
  unsubscribe(pid: Pid, pattern: string): boolean {
    const gone = this.#topics.unsubscribe(pid, pattern);
    if (gone) this.#patternLeft(pattern);
    return gone;
  }

  /** Makes a process an owner of a service. */
  provide(pid: Pid, service: string, options?: ServiceOptions): void {
    if (this.#table.get(pid) === undefined) throw notFound(pid);
    this.#registry ??= new ServiceRegistry();
    const known = this.#registry.get(service) !== undefined;
    this.#registry.register(service, pid, options);
    if (!known) this.#settings.backend?.serviceChanged(service, true);
  }

  /** Ends the ownership of a service; false if there was none. */
  withdraw(pid: Pid, service: string): boolean {
    const gone = this.#registry?.unregister(service, pid) ?? false;
    if (gone) this.#serviceLeft(service);
    return gone;
  }

  /** Decides about a parked message; false if none has that id. */
  resolveDeferred(messageId: string, decision: GateDecision): boolean {
    return this.#parked.resolve(messageId, decision);
  }

  /** Ends every wait and every inbox; idempotent. The process table, the chain and the backend stay as they are. */
  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    this.#stopListening();
    this.#parked.close();
    this.#pending.close();
    for (const pid of this.#inboxes.pids()) this.#inboxes.remove(pid, 'agent_exited');
    return Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #dispatch(message: KernelMessage, chain: ChainManager | undefined, waiting: PendingRequest | undefined): SendOutcome {
    this.#checkOpen();
    if (message.fromNode !== undefined) {
      throw new AgentwireError(
        'ERR_INVALID_ARGUMENT',
        'a message with fromNode comes from the backend and is not sent again',
      );
    }
    return this.#path.dispatch(message, chain, waiting);
  }

  #replierOf(pid: Pid): Replier {
    return (to, body, options) => {
      const back = target.process(to.from);
      const answer = createMessage(
        pid,
        to.fromNode === undefined ? back : target.remoteNode(to.fromNode, back),
        body,
        options === undefined
          ? { correlationId: to.id, traceId: to.traceId }
          : { correlationId: to.id, traceId: to.traceId, ...options },
        this.#clock,
      );
      return this.send(answer);
    };
  }

  async #redeliver(message: KernelMessage, recipient: Pid): Promise<void> {
    const code = await this.#inboxes.redeliver(recipient, message);
    if (code !== undefined) throw new AgentwireError(code, `process ${recipient} still cannot have the message`);
  }

  #processExited({ pid, exitCode }: ProcessEntry): void {
    this.#inboxes.remove(pid, 'agent_exited');
    this.#pending.processGone(pid, 'ERR_INBOX_CLOSED');
    for (const pattern of this.#topics.unsubscribeAll(pid)) this.#patternLeft(pattern);
    for (const service of this.#registry?.unregisterAll(pid) ?? []) this.#serviceLeft(service);
    const { linked, watchers } = this.#links.release(pid);
    const tell = (to: Pid, signal: string): void => {
      const news = payload.signal(signal, { pid, code: exitCode ?? 0 });
      void this.#inboxes.offer(to, createMessage(KERNEL_PID, target.process(to), news, {}, this.#clock), undefined);
    };
    for (const other of linked) tell(other, 'LinkExited');
    for (const watcher of watchers) tell(watcher, 'ProcessDown');
  }

  #patternLeft(pattern: string): void {
    if (!this.#topics.has(pattern)) this.#settings.backend?.subscriptionChanged(pattern, false);
  }

  #serviceLeft(service: string): void {
    if (this.#registry?.get(service) === undefined) this.#settings.backend?.serviceChanged(service, false);
  }

  #checkOpen(): void {
    if (this.#closed) throw new AgentwireError('ERR_CLOSED', 'the router is closed');
  }
}

function notFound(pid: Pid): AgentwireError {
  return new AgentwireError('ERR_PROCESS_NOT_FOUND', `no process has pid ${pid}`);
}
