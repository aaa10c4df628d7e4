import { AgentwireError } from '@agentwire/core';
import type { Pid } from './pid.ts';

const MAX_LINKS = 100_000;

/** Who wants to know when a process exits: links tell both sides, monitors one. Holds 100 000 at most. */
export class ProcessLinks {
  readonly #links = new Map<Pid, Set<Pid>>();
  readonly #watchers = new Map<Pid, Set<Pid>>();
  #count = 0;

  /** Ties two processes: when one exits, the other is told `LinkExited`. */
  link(one: Pid, other: Pid): void {
    this.#put(this.#links, one, other);
    this.#put(this.#links, other, one);
  }

  /** Unties two processes. */
  unlink(one: Pid, other: Pid): void {
    this.#take(this.#links, one, other);
    this.#take(this.#links, other, one);
  }

  /** Lets `watcher` be told `ProcessDown` when `watched` exits. */
  monitor(watcher: Pid, watched: Pid): void {
    this.#put(this.#watchers, watched, watcher);
  }

  /** Ends a monitor. */
  demonitor(watcher: Pid, watched: Pid): void {
    this.#take(this.#watchers, watched, watcher);
  }

  /** Forgets everything about a process and gives back who is to be told of its end. */
  release(pid: Pid): { readonly linked: readonly Pid[]; readonly watchers: readonly Pid[] } {
    const linked = [...(this.#links.get(pid) ?? [])];
    const watchers = [...(this.#watchers.get(pid) ?? [])];
    for (const other of linked) this.unlink(pid, other);
    for (const watcher of watchers) this.demonitor(watcher, pid);
    for (const watched of this.#watchers.keys()) this.demonitor(pid, watched);
    return { linked, watchers };
  }

  #put(map: Map<Pid, Set<Pid>>, key: Pid, value: Pid): void {
    let set = map.get(key);
    if (set?.has(value)) return;
    if (this.#count >= MAX_LINKS)
      throw new AgentwireError('ERR_OVERLOADED', `there are ${MAX_LINKS} links and monitors already`);
    if (set === undefined) {
      set = new Set();
      map.set(key, set);
    }
    set.add(value);
    this.#count += 1;
  }

  #take(map: Map<Pid, Set<Pid>>, key: Pid, value: Pid): void {
    const set = map.get(key);
    if (set === undefined || !set.delete(value)) return;
    this.#count -= 1;
    if (set.size === 0) map.delete(key);
  }
}
