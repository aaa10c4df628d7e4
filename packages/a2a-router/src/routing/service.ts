import { AgentwireError } from '@agentwire/core';
import type { Pid } from '../process/pid.ts';
import type { MethodContract } from './contract.ts';
import type { About } from './service-about.ts';
import { type Methods, sameMethods } from './service-methods.ts';

/** Ways to choose an owner among several. */
export const BALANCES = ['roundRobin', 'leastQueued'] as const;

/** Options of a service. */
export interface ServiceOptions extends About {
  /** Methods that may be called, 10 000 at most, with their contracts if they have any; a call of another one is `ERR_SERVICE_NOT_FOUND`. Default: any. */
  readonly methods?: readonly string[] | Readonly<Record<string, MethodContract>> | undefined;
  /** Choice of an owner among several: in turn, or the one with the shortest inbox. Default `roundRobin`. */
  readonly balance?: 'roundRobin' | 'leastQueued' | undefined;
}

/** One service and who answers for it. */
export interface ServiceEntry {
  /** Its name. */
  readonly name: string;
  /** The processes that own it, in the order in which they registered. */
  readonly owners: readonly Pid[];
  /** Methods it knows; undefined is any. */
  readonly methods: readonly string[] | undefined;
  /** Contracts of methods that have one. */
  readonly contracts: ReadonlyMap<string, MethodContract> | undefined;
  /** Choice of an owner. */
  readonly balance: 'roundRobin' | 'leastQueued';
  /** Version, description and metadata, as its first owner gave them. */
  readonly about: About;
}

/** @internal A service as its registry holds it. */
export interface Service {
  readonly name: string;
  readonly owners: Pid[];
  methods: readonly string[] | undefined;
  contracts: ReadonlyMap<string, MethodContract> | undefined;
  balance: 'roundRobin' | 'leastQueued';
  about: About;
  turn: number;
}

interface Joining {
  readonly methods: Methods | undefined;
  readonly balance: ServiceEntry['balance'] | undefined;
  readonly about: About;
}

/** Compares the options of an owner with a service; those of its first owner replace it. @throws AgentwireError `ERR_INVALID_STATE` */
export function joinService(service: Service, pid: Pid, { methods, balance, about }: Joining): void {
  if (service.owners[0] === pid) {
    if (methods !== undefined) {
      service.methods = methods.names;
      service.contracts = methods.contracts;
    }
    if (balance !== undefined) service.balance = balance;
    if (about.version !== undefined || about.description !== undefined || about.metadata !== undefined)
      service.about = about;
    return;
  }
  const same =
    (methods === undefined || sameMethods(service, methods)) &&
    (balance ?? service.balance) === service.balance &&
    (about.version ?? service.about.version) === service.about.version;
  if (same) return;
  throw new AgentwireError(
    'ERR_INVALID_STATE',
    `service ${JSON.stringify(service.name)} has another contract already; its first owner, process ${service.owners[0]}, may change it`,
  );
}

/** Gives the owner whose turn it is, or the one with the least `queued`; undefined when `usable` accepts none. */
export function chooseOwner(
  service: Service,
  usable: (pid: Pid) => boolean,
  queued: (pid: Pid) => number,
): Pid | undefined {
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
