import { AgentwireError } from '@agentwire/core';
import { checkInteger, checkObject } from '@agentwire/core/internal';
import { checkShortText } from '../message/message-limits.ts';
import { KERNEL_PID, type Pid } from './pid.ts';
import type { RemotePid, RemoteWatches } from './remote-watches.ts';

const MAX_LINKS = 100_000;

/** Collaborators of links. */
export interface ProcessLinksDeps {
  /** Tells whether a process is gone, or never was. */
  readonly isGone: (pid: Pid) => boolean;
  /** Tells `to` about a process that is gone. */
  readonly tell: (to: Pid, signal: 'LinkExited' | 'ProcessDown', gone: Pid) => void;
  /** Links and monitors between nodes. */
  readonly remote: Pick<RemoteWatches, 'watch' | 'unwatch'>;
}

/**
 * Processes that are told when another one exits: links tell both sides, monitors one. Holds 100 000 at most.
 *
 * The other one may live on another node, through the backend of the router: its exit, and the loss of its node, are told as
 * signals with the detail `{ node, pid, code }` or `{ node, pid, reason }` (`noproc`, `noconnection`, `denied`).
 */
export class ProcessLinks {
  readonly #links = new Map<Pid, Set<Pid>>();
  readonly #watchers = new Map<Pid, Set<Pid>>();
  /** The other way round, so that the exit of a watcher does not walk over all that are watched. */
  readonly #watched = new Map<Pid, Set<Pid>>();
  readonly #deps: ProcessLinksDeps | undefined;
  #count = 0;

  constructor(deps?: ProcessLinksDeps) {
    this.#deps = deps;
  }

  /** Ties two processes: when one exits, the other is told `LinkExited`; at once if it is gone already. */
  link(one: Pid, other: Pid | RemotePid): void {
    checkPids(one, other);
    if (typeof other === 'object') this.#remote().watch(one, other, true);
    else if (this.#deps?.isGone(other) === true) this.#deps.tell(one, 'LinkExited', other);
    else if (this.#deps?.isGone(one) === true) this.#deps.tell(other, 'LinkExited', one);
    else {
      this.#put(this.#links, one, other);
      this.#put(this.#links, other, one);
    }
  }

  /** Unties two processes. */
  unlink(one: Pid, other: Pid | RemotePid): void {
    if (typeof other === 'object') {
      this.#remote().unwatch(one, other);
      return;
    }
    this.#take(this.#links, one, other);
    this.#take(this.#links, other, one);
  }

  /** Lets `watcher` be told `ProcessDown` when `watched` exits; at once if it is gone already. */
  monitor(watcher: Pid, watched: Pid | RemotePid): void {
    checkPids(watcher, watched);
    if (typeof watched === 'object') this.#remote().watch(watcher, watched, false);
    else if (this.#deps?.isGone(watched) === true) this.#deps.tell(watcher, 'ProcessDown', watched);
    else if (this.#put(this.#watchers, watched, watcher)) add(this.#watched, watcher, watched);
  }

  /** Ends a monitor. */
  demonitor(watcher: Pid, watched: Pid | RemotePid): void {
    if (typeof watched === 'object') this.#remote().unwatch(watcher, watched);
    else if (this.#take(this.#watchers, watched, watcher)) remove(this.#watched, watcher, watched);
  }

  /** Forgets everything about a process and gives back who is to be told of its end. */
  release(pid: Pid): { readonly linked: readonly Pid[]; readonly watchers: readonly Pid[] } {
    const linked = [...(this.#links.get(pid) ?? [])];
    const watchers = [...(this.#watchers.get(pid) ?? [])];
    for (const other of linked) this.unlink(pid, other);
    for (const watcher of watchers) this.demonitor(watcher, pid);
    for (const watched of this.#watched.get(pid) ?? []) this.demonitor(pid, watched);
    return { linked, watchers };
  }

  #remote(): Pick<RemoteWatches, 'watch' | 'unwatch'> {
    if (this.#deps === undefined) throw new AgentwireError('ERR_NO_HANDLER', 'these links belong to no router');
    return this.#deps.remote;
  }

  #put(map: Map<Pid, Set<Pid>>, key: Pid, value: Pid): boolean {
    if (map.get(key)?.has(value) === true) return false;
    if (this.#count >= MAX_LINKS)
      throw new AgentwireError('ERR_OVERLOADED', `there are ${MAX_LINKS} links and monitors already`);
    add(map, key, value);
    this.#count += 1;
    return true;
  }

  #take(map: Map<Pid, Set<Pid>>, key: Pid, value: Pid): boolean {
    if (!remove(map, key, value)) return false;
    this.#count -= 1;
    return true;
  }
}

function checkPids(one: Pid, other: Pid | RemotePid): void {
  checkPid(one);
  if (typeof other !== 'object') {
    checkPid(other);
    return;
  }
  checkObject('the other process', other);
  checkPid(other.pid);
  checkShortText('nodeId', other.nodeId);
}

function checkPid(pid: Pid): void {
  checkInteger('pid', pid, KERNEL_PID, Number.MAX_SAFE_INTEGER);
}

function add(map: Map<Pid, Set<Pid>>, key: Pid, value: Pid): void {
  const set = map.get(key);
  if (set === undefined) map.set(key, new Set([value]));
  else set.add(value);
}

function remove(map: Map<Pid, Set<Pid>>, key: Pid, value: Pid): boolean {
  const set = map.get(key);
  if (set === undefined || !set.delete(value)) return false;
  if (set.size === 0) map.delete(key);
  return true;
}
