import { AgentwireError } from '@agentwire/core';
import { type Pid, processNotFound } from '../process/pid.ts';
import type { ProcessTable } from '../process/process-table.ts';
import type { ServiceOptions } from '../routing/service.ts';
import { ServiceRegistry } from '../routing/service-registry.ts';
import type { RemoteBackend } from './remote-backend.ts';

/** Services of the processes of this node; the backend is told about a service's first owner and last one. */
export class ServiceOwners {
  readonly #table: ProcessTable;
  readonly #backend: RemoteBackend | undefined;
  #registry: ServiceRegistry | undefined;
  #detach: (() => void) | undefined;

  constructor(table: ProcessTable, registry: ServiceRegistry | undefined, backend: RemoteBackend | undefined) {
    this.#table = table;
    this.#backend = backend;
    if (registry !== undefined) this.#use(registry);
  }

  /** The registry; absent until one is handed in or needed. */
  get registry(): ServiceRegistry | undefined {
    return this.#registry;
  }

  /** Replaces the registry; the backend is told about every service that comes or goes with it. */
  replace(registry: ServiceRegistry): void {
    const gone = this.#registry?.list() ?? [];
    this.#detach?.();
    for (const { name } of gone) this.#backend?.serviceChanged(name, false);
    this.#use(registry);
    this.announce();
  }

  /** Makes a process an owner of a service. */
  add(pid: Pid, service: string, options?: ServiceOptions): void {
    const registry = this.#registry ?? this.#use(new ServiceRegistry());
    registry.register(service, pid, options);
  }

  /** Ends the ownership of a service; false if there was none. */
  remove(pid: Pid, service: string): boolean {
    return this.#registry?.unregister(service, pid) ?? false;
  }

  /** Takes every service from a process. */
  removeAll(pid: Pid): void {
    this.#registry?.unregisterAll(pid);
  }

  /** Tells the backend about services that are older than the router. */
  announce(): void {
    for (const { name } of this.#registry?.list() ?? []) this.#backend?.serviceChanged(name, true);
  }

  /** Asks and tells nothing any more. */
  close(): void {
    this.#detach?.();
  }

  #use(registry: ServiceRegistry): ServiceRegistry {
    this.#registry = registry;
    // the registry asks itself, so that `serviceRegistry.register` is no way around the capabilities.
    this.#detach = registry.attach({
      check: (pid) => this.#check(pid),
      changed: (service, owned) => this.#backend?.serviceChanged(service, owned),
    });
    return registry;
  }

  /** An owner only receives and answers, so `canIpc` is asked and the scope, which is about sending, is not. */
  #check(pid: Pid): void {
    const entry = this.#table.get(pid);
    if (entry === undefined) throw processNotFound(pid);
    if (entry.state === 'exited') throw new AgentwireError('ERR_INVALID_STATE', `process ${pid} has exited`);
    if (!entry.capabilities.canIpc) {
      throw new AgentwireError('ERR_CAPABILITY_DENIED', `process ${pid} may not provide services: canIpc is false`, {
        detail: { pid },
      });
    }
  }
}
