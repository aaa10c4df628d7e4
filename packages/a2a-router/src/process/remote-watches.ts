import { AgentwireError } from '@agentwire/core';
import type { Pid } from './pid.ts';

/** Process on another node. */
export interface RemotePid {
  readonly nodeId: string;
  readonly pid: Pid;
}

/** End of a process on another node: its exit code, or the reason for which there is none. */
export type RemoteExit = { readonly code: number } | { readonly reason: 'noproc' | 'noconnection' | 'denied' };

/** Watch of one process by another one on another node; a link watches both ways. */
export interface ProcessWatch {
  /** Process that is watched. */
  readonly pid: Pid;
  /** Process that watches. */
  readonly by: Pid;
  readonly link: boolean;
}

/** Collaborators of remote watches. */
export interface RemoteWatchesDeps {
  /** Tells another node that a watch begins or ends; undefined without a backend that can. */
  readonly send: ((nodeId: string, watch: ProcessWatch, on: boolean) => void) | undefined;
  /** Tells another node that a process here has ended. */
  readonly sendExit: ((nodeId: string, pid: Pid, exit: RemoteExit) => void) | undefined;
  /** Tells a process here that one on another node has ended. */
  readonly tell: (to: Pid, signal: 'LinkExited' | 'ProcessDown', gone: RemotePid, exit: RemoteExit) => void;
  /** End of a process here; undefined while it lives. */
  readonly exitOf: (pid: Pid) => RemoteExit | undefined;
}

interface Watched extends RemotePid {
  /** Processes here that watch it: true for links. */
  readonly watchers: Map<Pid, boolean>;
}

const MAX_WATCHES = 100_000;
const MAX_OF_NODE = 10_000;

/** Links and monitors between processes of this node and those of other nodes; 100 000 each way at most, 10 000 of one other node. */
export class RemoteWatches {
  readonly #deps: RemoteWatchesDeps;
  /** Processes of other nodes that processes here watch. */
  readonly #watched = new Map<string, Watched>();
  /** Nodes that watch a process here, with the number of watching processes there. */
  readonly #watchers = new Map<Pid, Map<string, Set<Pid>>>();
  readonly #ofNode = new Map<string, number>();
  #count = 0;

  constructor(deps: RemoteWatchesDeps) {
    this.#deps = deps;
  }

  /** Lets a process here be told of the end of one on another node; throws `ERR_NO_HANDLER` without a backend that can, `ERR_OVERLOADED` past the limit. */
  watch(by: Pid, { nodeId, pid }: RemotePid, link: boolean, told = true): void {
    const { send } = this.#deps;
    if (send === undefined)
      throw new AgentwireError('ERR_NO_HANDLER', 'this router has no backend that watches processes of other nodes');
    const key = keyOf(nodeId, pid);
    let watched = this.#watched.get(key);
    if (watched?.watchers.get(by) !== undefined && !link) return;
    if (this.#count >= MAX_WATCHES)
      throw new AgentwireError('ERR_OVERLOADED', `there are ${MAX_WATCHES} links and monitors of other nodes already`);
    if (watched === undefined) {
      watched = { nodeId, pid, watchers: new Map() };
      this.#watched.set(key, watched);
    }
    if (!watched.watchers.has(by)) this.#count += 1;
    watched.watchers.set(by, link);
    send(nodeId, { pid, by, link: link && told }, true);
  }

  /** Ends a watch. */
  unwatch(by: Pid, { nodeId, pid }: RemotePid, told = true): void {
    const watched = this.#watched.get(keyOf(nodeId, pid));
    const link = watched?.watchers.get(by);
    if (watched === undefined || link === undefined) return;
    this.#drop(watched, by);
    this.#deps.send?.(nodeId, { pid, by, link: link && told }, false);
  }

  /** Takes a watch of another node; the caller has checked that its process may reach this one. @throws AgentwireError `ERR_OVERLOADED` */
  watchedBy(nodeId: string, { pid, by, link }: ProcessWatch): void {
    const exit = this.#deps.exitOf(pid);
    if (exit !== undefined) {
      this.#deps.sendExit?.(nodeId, pid, exit);
      return;
    }
    const nodes = this.#watchers.get(pid) ?? new Map<string, Set<Pid>>();
    const watchers = nodes.get(nodeId) ?? new Set();
    if (!watchers.has(by)) {
      const mine = this.#ofNode.get(nodeId) ?? 0;
      if (mine >= MAX_OF_NODE)
        throw new AgentwireError('ERR_OVERLOADED', `${MAX_OF_NODE} processes of one node watch processes here already`);
      this.#ofNode.set(nodeId, mine + 1);
    }
    watchers.add(by);
    nodes.set(nodeId, watchers);
    this.#watchers.set(pid, nodes);
    if (link) this.watch(pid, { nodeId, pid: by }, true, false);
  }

  /** Tells another node that none of its processes may watch this one. */
  refuse(nodeId: string, pid: Pid): void {
    this.#deps.sendExit?.(nodeId, pid, { reason: 'denied' });
  }

  /** Takes the end of a watch of another node. */
  unwatchedBy(nodeId: string, { pid, by, link }: ProcessWatch): void {
    const nodes = this.#watchers.get(pid);
    const watchers = nodes?.get(nodeId);
    if (nodes !== undefined && watchers?.delete(by) === true) {
      this.#release(nodeId, 1);
      if (watchers.size === 0) nodes.delete(nodeId);
      if (nodes.size === 0) this.#watchers.delete(pid);
    }
    if (link) this.unwatch(pid, { nodeId, pid: by }, false);
  }

  /** Takes the end of a process on another node. */
  exited(gone: RemotePid, exit: RemoteExit): void {
    const watched = this.#watched.get(keyOf(gone.nodeId, gone.pid));
    if (watched !== undefined) this.#end(watched, exit);
  }

  /** Ends all watches of a node that is gone, both ways; with `tell` it learns so, for it may be there. */
  nodeGone(nodeId: string, tell = false): void {
    for (const watched of this.#watched.values())
      if (watched.nodeId === nodeId) this.#end(watched, { reason: 'noconnection' });
    for (const [pid, nodes] of this.#watchers) {
      if (nodes.delete(nodeId) && tell) this.#deps.sendExit?.(nodeId, pid, { reason: 'noconnection' });
      if (nodes.size === 0) this.#watchers.delete(pid);
    }
    this.#ofNode.delete(nodeId);
  }

  /** Tells other nodes of every watch again, or one of them, because the news of it or of an exit may have been lost. */
  again(nodeId?: string): void {
    for (const { nodeId: node, pid, watchers } of this.#watched.values())
      if (nodeId === undefined || nodeId === node)
        for (const [by, link] of watchers) this.#deps.send?.(node, { pid, by, link }, true);
  }

  /** Takes a process of this node out, and tells the nodes that watch it. */
  processGone(pid: Pid, code: number): void {
    for (const [nodeId, watchers] of this.#watchers.get(pid) ?? []) {
      this.#release(nodeId, watchers.size);
      this.#deps.sendExit?.(nodeId, pid, { code });
    }
    this.#watchers.delete(pid);
    if (this.#watched.size === 0) return;
    for (const watched of this.#watched.values()) if (watched.watchers.has(pid)) this.unwatch(pid, watched, false);
  }

  #end(watched: Watched, exit: RemoteExit): void {
    const { nodeId, pid, watchers } = watched;
    this.#watched.delete(keyOf(nodeId, pid));
    this.#count -= watchers.size;
    for (const [by, link] of watchers) this.#deps.tell(by, link ? 'LinkExited' : 'ProcessDown', { nodeId, pid }, exit);
  }

  #drop(watched: Watched, by: Pid): void {
    watched.watchers.delete(by);
    this.#count -= 1;
    if (watched.watchers.size === 0) this.#watched.delete(keyOf(watched.nodeId, watched.pid));
  }

  #release(nodeId: string, count: number): void {
    const left = (this.#ofNode.get(nodeId) ?? count) - count;
    if (left <= 0) this.#ofNode.delete(nodeId);
    else this.#ofNode.set(nodeId, left);
  }
}

function keyOf(nodeId: string, pid: Pid): string {
  return `${pid} ${nodeId}`;
}
