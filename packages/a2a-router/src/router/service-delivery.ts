import { AgentwireError, toAgentwireError } from '@agentwire/core';
import type { DeadLetters } from '../inbox/dead-letters.ts';
import type { KernelMessage } from '../message/message.ts';
import { payloadValue } from '../message/payload.ts';
import type { Target } from '../message/target.ts';
import { mayReachProcess, type ScopeHolder } from '../process/capability-checker.ts';
import type { Pid } from '../process/pid.ts';
import { checkAgainst, type CheckDeps } from '../routing/contract.ts';
import { misfit } from '../routing/json-schema.ts';
import type { ServiceRegistry } from '../routing/service-registry.ts';
import { type Outcome, refusal } from './delivery-report.ts';
import type { InboxTable } from './inbox-table.ts';
import type { PendingRequest } from './pending-request.ts';
import type { RemoteBackend } from './remote-backend.ts';
import { NO_REJECTIONS, type SendReport } from './send-report.ts';

/** Collaborators of the delivery to services. */
export interface ServiceDeliveryDeps {
  readonly inboxes: InboxTable;
  readonly services: () => ServiceRegistry | undefined;
  readonly deadLetters: DeadLetters;
  readonly backend: RemoteBackend | undefined;
  /** Bounds of schemas that answer later. */
  readonly checks: CheckDeps;
  /** Delivers to one process here. */
  readonly one: (pid: Pid, message: KernelMessage, waiting: PendingRequest | undefined) => Outcome;
  /** Hands over to other nodes. */
  readonly remote: (message: KernelMessage, to: Target, waiting: PendingRequest | undefined) => Promise<SendReport>;
}

/** Brings calls of services to an owner: one here that has room, else one on another node. */
export class ServiceDelivery {
  readonly #deps: ServiceDeliveryDeps;

  constructor(deps: ServiceDeliveryDeps) {
    this.#deps = deps;
  }

  /**
   * Delivers to one owner of a service; `method` is undefined for the service itself.
   *
   * @throws AgentwireError `ERR_ABORTED`, `ERR_CAPABILITY_DENIED`, `ERR_SERVICE_NOT_FOUND`
   */
  deliver(
    message: KernelMessage,
    service: string,
    method: string | undefined,
    holder: ScopeHolder,
    waiting: PendingRequest | undefined,
  ): Outcome {
    const { inboxes, backend, deadLetters } = this.#deps;
    const registry = this.#deps.services();
    const to: Target = method === undefined ? { kind: 'service', service } : { kind: 'serviceMethod', service, method };
    const mayLeave =
      backend !== undefined && message.fromNode === undefined && holder.capabilities.ipcScope.kind === 'all';
    const pids = registry?.knows(service, method) === true ? (registry.get(service)?.owners ?? []) : [];
    const live = pids.filter(
      (pid) => inboxes.liveState(pid) !== undefined && (pid !== message.from || message.fromNode !== undefined),
    );
    const reachable = live.filter((pid) => mayReachProcess(holder, pid));
    // a suspended owner queues, so it gets a share only while no other owner can take the message.
    const running = reachable.filter((pid) => inboxes.liveState(pid) === 'running');
    const allowed = running.length > 0 ? running : reachable;
    if (registry !== undefined && allowed.length > 0) {
      const elsewhere = mayLeave ? to : undefined;
      const checked = this.checkArgs(message, service, method);
      if (checked === undefined) return this.#toOwner(registry, service, allowed, message, waiting, elsewhere);
      return checked.then(() => {
        if (waiting?.ended === true)
          throw new AgentwireError('ERR_ABORTED', 'the request ended before it was delivered');
        return this.#toOwner(registry, service, allowed, message, waiting, elsewhere);
      });
    }
    if (live.length > 0) {
      deadLetters.add(message, undefined, 'governance_denied');
      throw new AgentwireError(
        'ERR_CAPABILITY_DENIED',
        `the sender may reach no owner of service ${JSON.stringify(service)}`,
      );
    }
    if (mayLeave) return this.#deps.remote(message, to, waiting);
    deadLetters.add(message, undefined, 'target_not_found');
    const what =
      method === undefined
        ? JSON.stringify(service)
        : `${JSON.stringify(service)} with method ${JSON.stringify(method)}`;
    throw new AgentwireError('ERR_SERVICE_NOT_FOUND', `no live process owns service ${what}`);
  }

  /** Checks the arguments of a call against the contract of its method; throws, or gives a promise that rejects, when they do not fit. */
  checkArgs(message: KernelMessage, service: string, method: string | undefined): Promise<void> | undefined {
    const schema = method === undefined ? undefined : this.#deps.services()?.contract(service, method)?.args;
    if (schema === undefined) return undefined;
    const checked = checkAgainst(schema, message.payload, `the arguments of ${service}.${method}`, this.#deps.checks);
    return checked instanceof Promise ? checked : undefined;
  }

  /**
   * Checks the arguments of a call before it leaves its sender: against the contract here, else against what other nodes announce.
   *
   * A call is refused only when no node that serves the method would take it, so that a false announcement of one node does not stop calls of others.
   *
   * @throws AgentwireError `ERR_INVALID_ARGUMENT` with the path that does not fit
   */
  checkAtSender(message: KernelMessage): Promise<void> | undefined {
    const { target: to, payload } = message;
    const { backend } = this.#deps;
    const nodeId = to.kind === 'remoteNode' && to.nodeId !== backend?.nodeId ? to.nodeId : undefined;
    const inner = to.kind === 'remoteNode' ? to.target : to;
    if (inner.kind !== 'serviceMethod') return undefined;
    const { service, method } = inner;
    if (nodeId === undefined && this.#deps.services()?.knows(service, method) === true)
      return this.checkArgs(message, service, method);
    const value = payloadValue(payload);
    if (value instanceof Uint8Array) return undefined;
    let path: string | undefined;
    for (const schema of backend?.announcedArgs?.(service, method, nodeId) ?? []) {
      path = misfit(schema, value);
      if (path === undefined) return undefined;
    }
    if (path === undefined) return undefined;
    throw new AgentwireError(
      'ERR_INVALID_ARGUMENT',
      `the arguments of ${service}.${method} do not fit the schema that its node announces: ${path}`,
      { detail: { paths: [path] } },
    );
  }

  #toOwner(
    registry: ServiceRegistry,
    service: string,
    allowed: readonly Pid[],
    message: KernelMessage,
    waiting: PendingRequest | undefined,
    elsewhere: Target | undefined,
  ): Outcome {
    const { inboxes, deadLetters } = this.#deps;
    const queued = (pid: Pid): number => inboxes.queued(pid);
    const free = registry.choose(service, (one) => allowed.includes(one) && inboxes.hasRoom(one), queued);
    if (free !== undefined) return this.#deps.one(free, message, waiting);
    const full = registry.choose(service, (one) => allowed.includes(one), queued);
    if (full !== undefined) {
      return elsewhere === undefined
        ? this.#deps.one(full, message, waiting)
        : this.#overflow(message, elsewhere, full, waiting);
    }
    deadLetters.add(message, undefined, 'target_not_found');
    throw new AgentwireError('ERR_SERVICE_NOT_FOUND', `no live process owns service ${JSON.stringify(service)}`);
  }

  /** Brings a message to an owner on another node while those here are full; if there is none, it is refused as here. */
  async #overflow(
    message: KernelMessage,
    to: Target,
    full: Pid,
    waiting: PendingRequest | undefined,
  ): Promise<SendReport> {
    if (waiting !== undefined) {
      waiting.refusal = refusal('ERR_INBOX_FULL', full);
      return this.#deps.remote(message, to, waiting);
    }
    try {
      await this.#deps.backend?.deliver(message, { target: to, expectsReply: false, confirm: true });
    } catch (error) {
      // a process may have it, so it is neither refused here nor given to another one.
      const { code } = toAgentwireError(error, 'ERR_IO');
      if (code === 'ERR_TIMEOUT' || code === 'ERR_CLOSED') throw error;
      return this.#deps.one(full, message, waiting);
    }
    return { messageId: message.id, delivered: 0, rejected: NO_REJECTIONS, remote: 1 };
  }
}
