import type { Clock } from '@agentwire/core';
import { GateSlot } from '../gate/gate.ts';
import { DeadLetters } from '../inbox/dead-letters.ts';
import type { Replier } from '../message/reply-channel.ts';
import type { CapabilityChecker } from '../process/capability-checker.ts';
import { KERNEL_PID, type Pid } from '../process/pid.ts';
import { ProcessLinks } from '../process/process-links.ts';
import { type RemoteExit, RemoteWatches } from '../process/remote-watches.ts';
import type { ProcessTable } from '../process/process-table.ts';
import type { TopicRouter } from '../routing/topic-router.ts';
import { Delivery } from './delivery.ts';
import type { EndpointDeps } from './endpoint.ts';
import { InboxTable } from './inbox-table.ts';
import { Observer } from './observer.ts';
import { LocalSender } from './local-sender.ts';
import { ParkedMessages } from './parked-messages.ts';
import { PendingRequests } from './pending-requests.ts';
import { tellExit } from './process-exit.ts';
import { OpenState } from './open-state.ts';
import { RemoteRequests } from './remote-requests.ts';
import { createReplier, type ReplierDeps } from './replier.ts';
import { requestNew, type RequestDeps } from './request.ts';
import type { ResolvedRouterSettings } from './router-options.ts';
import { SendPath } from './send-path.ts';
import { SenderAdmission } from './sender-admission.ts';
import { ServiceOwners } from './service-owners.ts';
import { Subscriptions } from './subscriptions.ts';

/** Collaborators and settings that a router is assembled from. */
export interface RouterDeps {
  readonly table: ProcessTable;
  readonly checker: CapabilityChecker;
  readonly topics: TopicRouter;
  readonly settings: ResolvedRouterSettings;
}

/** Components of a router. */
export interface RouterComponents {
  readonly clock: Clock;
  readonly open: OpenState;
  readonly table: ProcessTable;
  readonly topics: TopicRouter;
  readonly links: ProcessLinks;
  readonly remoteWatches: RemoteWatches;
  readonly gateSlot: GateSlot;
  readonly deadLetters: DeadLetters;
  readonly pending: PendingRequests;
  readonly remoteRequests: RemoteRequests;
  readonly parked: ParkedMessages;
  readonly inboxes: InboxTable;
  readonly subscriptions: Subscriptions;
  readonly services: ServiceOwners;
  readonly admission: SenderAdmission;
  readonly path: SendPath;
  readonly localSender: LocalSender;
  readonly requests: RequestDeps;
  /** Collaborators of endpoints. */
  readonly endpointDeps: EndpointDeps;
  /** Makes what answers in the name of a process. */
  readonly replierOf: (pid: Pid) => Replier;
}

/** Makes the parts of a router and ties them together; nothing outside hears of them yet. */
export function assembleRouter({ table, checker, topics, settings }: RouterDeps): RouterComponents {
  const { clock, logger, chain, backend, kernelHandler, rememberedKeys } = settings;
  const deadLetters = settings.deadLetters ?? new DeadLetters({ clock });
  const pending = new PendingRequests(clock, settings.maxPendingRequests, (id) => backend?.forget(id));
  const remoteRequests = new RemoteRequests(clock, settings.maxPendingRequests);
  const parked = new ParkedMessages(clock, settings.maxParked, settings.parkTimeoutMs);
  const open = new OpenState();
  const { metrics, tracer } = settings;
  const observer =
    metrics === undefined && tracer === undefined ? undefined : new Observer({ metrics, tracer, clock, logger });
  const checks = { clock, timeoutMs: settings.gateTimeoutMs };
  const replies: ReplierDeps = {
    send: (message, isReply, answers) => localSender.answer(message, chain, isReply, answers),
    pending,
    remoteRequests,
    answerSchema: (service, method) => services.registry?.contract(service, method)?.answer,
    checks,
    clock,
    logger,
  };
  const replierOf = (pid: Pid): Replier => createReplier(pid, replies);
  const reply = replierOf(KERNEL_PID);
  const inboxes = new InboxTable({
    table,
    deadLetters,
    pending,
    remoteRequests,
    clock,
    replierOf,
    rememberedKeys,
    observer,
  });
  const services = new ServiceOwners(table, settings.serviceRegistry, backend);
  const gateSlot = new GateSlot(settings.gate);
  const delivery = new Delivery({
    inboxes,
    topics,
    services: () => services.registry,
    deadLetters,
    backend,
    kernelHandler,
    reply,
    checks,
    logger,
  });
  const admission = new SenderAdmission(table, settings.acceptRemote, clock, logger);
  const path = new SendPath({
    admission,
    checker,
    delivery,
    pending,
    remoteRequests,
    parked,
    deadLetters,
    gate: () => gateSlot.gate,
    gateTimeoutMs: settings.gateTimeoutMs,
    deferMode: settings.deferMode,
    checkOpen: open.check,
    observer,
    clock,
    logger,
  });
  const interceptors = [...(settings.interceptors ?? [])];
  const localSender = new LocalSender(
    path,
    open.check,
    settings.checkContracts === 'both' ? delivery.services : undefined,
    interceptors,
    clock,
  );
  const requests: RequestDeps = {
    clock,
    pending,
    dispatch: (message, waiting, checkedAt) => localSender.ask(message, chain, waiting, checkedAt),
    partRead: (id) => backend?.partRead?.(id),
    observer,
    checkOpen: open.check,
  };
  const exitOf = (pid: Pid): RemoteExit | undefined => {
    const entry = table.get(pid);
    if (entry === undefined) return { reason: 'noproc' };
    if (entry.state !== 'exited') return undefined;
    return entry.exitCode === undefined ? { reason: 'noproc' } : { code: entry.exitCode };
  };
  const remoteWatches = new RemoteWatches({
    send: backend?.watchProcess?.bind(backend),
    sendExit: backend?.tellExit?.bind(backend),
    tell: (to, signal, { nodeId, pid }, exit) => tellExit(inboxes, clock, to, signal, { node: nodeId, pid, ...exit }),
    exitOf,
  });
  const links = new ProcessLinks({
    remote: remoteWatches,
    isGone: (pid) => (table.get(pid)?.state ?? 'exited') === 'exited',
    tell: (to, signal, gone) => {
      const code = table.get(gone)?.exitCode;
      tellExit(inboxes, clock, to, signal, code === undefined ? { pid: gone, reason: 'noproc' } : { pid: gone, code });
    },
  });
  return {
    clock,
    open,
    table,
    topics,
    links,
    remoteWatches,
    gateSlot,
    deadLetters,
    pending,
    remoteRequests,
    parked,
    inboxes,
    subscriptions: new Subscriptions({ table, checker, topics, inboxes, backend, chain, clock, logger }),
    services,
    admission,
    path,
    localSender,
    requests,
    endpointDeps: {
      clock,
      interceptors,
      observer,
      send: (from, to, payload, about) => localSender.sendNew(from, to, payload, about, chain),
      request: (from, to, payload, options, about) => requestNew(requests, from, to, payload, options, about),
    },
    replierOf,
  };
}
