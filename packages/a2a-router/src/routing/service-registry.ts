import { AgentwireError, checkInteger, checkKnownOptions, checkOneOf } from '@agentwire/core';
import type { Pid } from '../process/pid.ts';

/** What an owner says about a service. */
export interface ServiceOptions {
  /** Methods that may be called; a call of another one is `ERR_SERVICE_NOT_FOUND`. Default: any. */
  readonly methods?: readonly string[];
  /** How an owner is chosen among several: in turn, or the one with the shortest inbox. Default `roundRobin`. */
  readonly balance?: 'roundRobin' | 'leastQueued';
}

/** One service and who answers for it. */
export interface ServiceEntry {
  /** Its name. */
  readonly name: string;
  /** The processes that own it, in the order in which they registered. */
  readonly owners: readonly Pid[];
  /** Methods it knows; undefined is any. */
  readonly methods: readonly string[] | undefined;
  /** How an owner is chosen. */
  readonly balance: 'roundRobin' | 'leastQueued';
}

/** Options of a {@link ServiceRegistry}. */
export interface ServiceRegistryOptions {
  /** Services it holds at most. Default 10 000. */
  readonly maxServices?: number;
  /** Owners a service has at most. Default 1000. */
  readonly maxOwners?: number;
}

interface Service {
  readonly name: string;
  readonly owners: Pid[];
  methods: readonly string[] | undefined;
  balance: 'roundRobin' | 'leastQueued';
  turn: number;
}

/** Which processes own which service, and whose turn it is. */
export class ServiceRegistry {
  readonly #services = new Map<string, Service>();
  readonly #maxServices: number;
  readonly #maxOwners: number;

  constructor(options: ServiceRegistryOptions = {}) {
    checkKnownOptions('ServiceRegistry', options, ['maxServices', 'maxOwners']);
    this.#maxServices = checkInteger('maxServices', options.maxServices ?? 10_000, 1, 1_000_000);
    this.#maxOwners = checkInteger('maxOwners', options.maxOwners ?? 1000, 1, 1_000_000);
  }

  /** Services it holds. */
  get size(): number {
    return this.#services.size;
  }

  /** Adds an owner to a service; options that are given replace those of earlier owners. */
  register(name: string, pid: Pid, options: ServiceOptions = {}): void {
    checkKnownOptions('a service', options, ['methods', 'balance']);
    const balance = checkOneOf('balance', options.balance ?? 'roundRobin', ['roundRobin', 'leastQueued']);
    let service = this.#services.get(name);
    if (service === undefined) {
      if (name === '' || name.length > 256)
        throw new AgentwireError('ERR_INVALID_ARGUMENT', 'a service name has 1 to 256 characters');
      if (this.#services.size >= this.#maxServices) throw full(`${this.#maxServices} services`);
      service = { name, owners: [], methods: undefined, balance, turn: 0 };
      this.#services.set(name, service);
    }
    if (!service.owners.includes(pid)) {
      if (service.owners.length >= this.#maxOwners) throw full(`${this.#maxOwners} owners of ${JSON.stringify(name)}`);
      service.owners.push(pid);
    }
    if (options.methods !== undefined) service.methods = [...options.methods];
    if (options.balance !== undefined) service.balance = balance;
  }

  /** Takes an owner from a service; false if it owned none of that name. */
  unregister(name: string, pid: Pid): boolean {
    const service = this.#services.get(name);
    const at = service?.owners.indexOf(pid) ?? -1;
    if (service === undefined || at === -1) return false;
    service.owners.splice(at, 1);
    if (service.owners.length === 0) this.#services.delete(name);
    return true;
  }

  /** Takes a process from every service and gives back their names. */
  unregisterAll(pid: Pid): string[] {
    const names = [...this.#services.keys()].filter((name) => this.#services.get(name)?.owners.includes(pid));
    for (const name of names) this.unregister(name, pid);
    return names;
  }

  /** A service by name, or undefined. */
  get(name: string): ServiceEntry | undefined {
    return this.#services.get(name);
  }

  /** Every service. */
  list(): ServiceEntry[] {
    return [...this.#services.values()];
  }

  /** Tells whether a service has owners and, if it has a contract, knows the method. */
  knows(name: string, method?: string): boolean {
    const service = this.#services.get(name);
    return (
      service !== undefined &&
      (method === undefined || service.methods === undefined || service.methods.includes(method))
    );
  }

  /**
   * Chooses among the owners that `usable` accepts: whose turn it is, or the one with the least `queued`.
   *
   * Undefined when no owner is usable.
   */
  choose(name: string, usable: (pid: Pid) => boolean, queued: (pid: Pid) => number): Pid | undefined {
    const service = this.#services.get(name);
    if (service === undefined) return undefined;
    const count = service.owners.length;
    let best: Pid | undefined;
    for (let step = 0; step < count; step += 1) {
      const at = (service.turn + step) % count;
      const pid = service.owners[at];
      if (pid === undefined || !usable(pid)) continue;
      if (service.balance === 'roundRobin') {
        service.turn = at + 1;
        return pid;
      }
      if (best === undefined || queued(pid) < queued(best)) best = pid;
    }
    if (best !== undefined) service.turn += 1;
    return best;
  }
}

function full(what: string): AgentwireError {
  return new AgentwireError('ERR_OVERLOADED', `the service registry holds ${what} already`);
}
