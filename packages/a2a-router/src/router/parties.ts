import type { Pid } from '../process/pid.ts';

/** One process's part in a request: it asked, or it may answer. A link in the list of that process. */
export interface Party<R = unknown> {
  readonly pid: Pid;
  readonly request: R;
  /** The next one that may answer the same request. */
  other: Party<R> | undefined;
  before: Party<R> | undefined;
  after: Party<R> | undefined;
  /** List that it is in. */
  list: PartyList<R> | undefined;
}

/** Makes the part of a process in a request. */
export function party<R>(pid: Pid, request: R): Party<R> {
  return { pid, request, other: undefined, before: undefined, after: undefined, list: undefined };
}

interface PartyList<R> {
  first: Party<R> | undefined;
}

/** Empty lists that are kept, because processes that ask once ask again. */
const EMPTY_AT_MOST = 1024;

/**
 * Lists of what each process asked or may answer, so that an exit need not walk over all requests.
 *
 * The links are in the requests themselves, because a `Set` with an entry for each request has the costs that `SlotMap` avoids.
 */
export class Parties<R> {
  readonly #lists = new Map<Pid, PartyList<R>>();

  /** The last part that a process took in a request that waits. */
  first(pid: Pid): Party<R> | undefined {
    return this.#lists.get(pid)?.first;
  }

  /** Adds a part. */
  add(one: Party<R>): void {
    let list = this.#lists.get(one.pid);
    if (list === undefined) {
      list = { first: undefined };
      this.#lists.set(one.pid, list);
    }
    const { first } = list;
    one.list = list;
    one.after = first;
    if (first !== undefined) first.before = one;
    list.first = one;
  }

  /** Takes a part out that was added. */
  remove(one: Party<R>): void {
    const { before, after, list } = one;
    if (list === undefined) return;
    if (after !== undefined) after.before = before;
    if (before !== undefined) before.after = after;
    else list.first = after;
    // a link that is out must not keep others alive.
    one.before = undefined;
    one.after = undefined;
    one.list = undefined;
    if (list.first === undefined && this.#lists.size > EMPTY_AT_MOST) this.#lists.delete(one.pid);
  }

  /** Forgets a process that takes part in nothing. */
  forget(pid: Pid): void {
    if (this.first(pid) === undefined) this.#lists.delete(pid);
  }
}
