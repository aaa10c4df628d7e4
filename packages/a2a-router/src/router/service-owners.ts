import type { Pid } from '../process/pid.ts';
import { processNotFound } from '../process/process-not-found.ts';
import type { ProcessTable } from '../process/process-table.ts';
import { type ServiceOptions, ServiceRegistry } from '../routing/service-registry.ts';
import type { RemoteBackend } from './remote-backend.ts';

/** Which processes of this node own which service; the backend is told of a service's first owner and last one. */
export class ServiceOwners {
  /** Where they are kept; absent until one is handed in or needed. */
  registry: ServiceRegistry | undefined;
  readonly #table: ProcessTable;
  readonly #backend: RemoteBackend | undefined;

  constructor(table: ProcessTable, registry: ServiceRegistry | undefined, backend: RemoteBackend | undefined) {
    this.#table = table;
    this.registry = registry;
    this.#backend = backend;
  }

  /** Makes a process an owner of a service. */
  add(pid: Pid, service: string, options?: ServiceOptions): void {
    if (this.#table.get(pid) === undefined) throw processNotFound(pid);
    this.registry ??= new ServiceRegistry();
    const known = this.registry.get(service) !== undefined;
    this.registry.register(service, pid, options);
    if (!known) this.#backend?.serviceChanged(service, true);
  }

  /** Ends the ownership of a service; false if there was none. */
  remove(pid: Pid, service: string): boolean {
    const gone = this.registry?.unregister(service, pid) ?? false;
    if (gone) this.#left(service);
    return gone;
  }

  /** Takes every service from a process. */
  removeAll(pid: Pid): void {
    for (const service of this.registry?.unregisterAll(pid) ?? []) this.#left(service);
  }

  #left(service: string): void {
    if (this.registry?.get(service) === undefined) this.#backend?.serviceChanged(service, false);
  }
}
