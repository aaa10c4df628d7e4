import { AgentwireError } from '@agentwire/core';
import { checkKnownOptions, checkOneOf, OPTION, type OptionTable, resolveOptions } from '@agentwire/core/internal';
import { checkShortText } from '../message/message-limits.ts';
import type { MethodContract } from './contract.ts';
import { BALANCES, chooseOwner, joinService, type Service, type ServiceEntry, type ServiceOptions } from './service.ts';
import { copyMethods } from './service-methods.ts';
import { copyAbout } from './service-about.ts';
import type { Pid } from '../process/pid.ts';

/** Options of a {@link ServiceRegistry}. */
export interface ServiceRegistryOptions {
  /** Services it holds at most, 1 to 1 000 000. Default 10 000. */
  readonly maxServices?: number | undefined;
  /** Owners a service has at most, 1 to 1 000 000. Default 1000. */
  readonly maxOwners?: number | undefined;
}

const TABLE: OptionTable<ServiceRegistryOptions> = {
  maxServices: { check: OPTION.integer(1, 1_000_000), default: 10_000 },
  maxOwners: { check: OPTION.integer(1, 1_000_000), default: 1000 },
};

/** @internal What the router that a registry belongs to asks of each registration. */
export interface ServiceHooks {
  /** Throws when a process may not own a service. */
  readonly check: (pid: Pid) => void;
  /** Told about the first owner of a service, and about the end of the last one. */
  readonly changed: (service: string, owned: boolean) => void;
}

/** Owners of services, their contracts, and whose turn it is. */
export class ServiceRegistry {
  readonly #services = new Map<string, Service>();
  readonly #byPid = new Map<Pid, Set<string>>();
  readonly #hooks = new Set<ServiceHooks>();
  readonly #maxServices: number;
  readonly #maxOwners: number;

  constructor(options: ServiceRegistryOptions = {}) {
    const { maxServices, maxOwners } = resolveOptions('ServiceRegistry', options, TABLE);
    this.#maxServices = maxServices;
    this.#maxOwners = maxOwners;
  }

  /** Services it holds. */
  get size(): number {
    return this.#services.size;
  }

  /**
   * Adds an owner to a service.
   *
   * The first owner says what the contract is, and may change it. Others join it: options of theirs that differ from it are
   * `ERR_INVALID_STATE`. A registry that belongs to a router throws `ERR_CAPABILITY_DENIED` for a process without `canIpc`.
   */
  register(name: string, pid: Pid, options: ServiceOptions = {}): void {
    checkKnownOptions('a service', options, ['methods', 'balance', 'version', 'description', 'metadata']);
    const about = copyAbout('a service', options);
    const balance = options.balance === undefined ? undefined : checkOneOf('balance', options.balance, BALANCES);
    const methods = options.methods === undefined ? undefined : copyMethods(options.methods);
    checkShortText('a service name', name);
    for (const { check } of this.#hooks) check(pid);
    const known = this.#services.get(name);
    if (known === undefined && this.#services.size >= this.#maxServices) throw full(`${this.#maxServices} services`);
    const service: Service = known ?? {
      name,
      owners: [],
      methods: methods?.names,
      contracts: methods?.contracts,
      balance: balance ?? 'roundRobin',
      about,
      turn: 0,
    };
    if (known !== undefined) joinService(known, pid, { methods, balance, about });
    if (!service.owners.includes(pid)) {
      if (service.owners.length >= this.#maxOwners) throw full(`${this.#maxOwners} owners of ${JSON.stringify(name)}`);
      service.owners.push(pid);
      const owned = this.#byPid.get(pid);
      if (owned === undefined) this.#byPid.set(pid, new Set([name]));
      else owned.add(name);
    }
    if (known !== undefined) return;
    this.#services.set(name, service);
    for (const { changed } of this.#hooks) changed(name, true);
  }

  /** Takes an owner from a service; false if it owned none of that name. */
  unregister(name: string, pid: Pid): boolean {
    const service = this.#services.get(name);
    const at = service?.owners.indexOf(pid) ?? -1;
    if (service === undefined || at === -1) return false;
    service.owners.splice(at, 1);
    const owned = this.#byPid.get(pid);
    owned?.delete(name);
    if (owned?.size === 0) this.#byPid.delete(pid);
    if (service.owners.length > 0) return true;
    this.#services.delete(name);
    for (const { changed } of this.#hooks) changed(name, false);
    return true;
  }

  /** Takes a process from every service and gives back their names. */
  unregisterAll(pid: Pid): string[] {
    const names = [...(this.#byPid.get(pid) ?? [])];
    for (const name of names) this.unregister(name, pid);
    return names;
  }

  /** @internal Called by a router that this registry belongs to; gives back the function that ends it. */
  attach(hooks: ServiceHooks): () => void {
    this.#hooks.add(hooks);
    return () => this.#hooks.delete(hooks);
  }

  /** The contract of a method, or undefined. */
  contract(name: string, method: string): MethodContract | undefined {
    return this.#services.get(name)?.contracts?.get(method);
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
    return service === undefined ? undefined : chooseOwner(service, usable, queued);
  }
}

function full(what: string): AgentwireError {
  return new AgentwireError('ERR_OVERLOADED', `the service registry holds ${what} already`);
}
