import { AgentwireError, type Clock, type ErrorCode } from '@agentwire/core';
import type { DeadLetterReason } from '../inbox/dead-letter.ts';
import type { DeadLetters } from '../inbox/dead-letters.ts';
import { type InboxOptions, resolveInboxOptions } from '../inbox/inbox-options.ts';
import { Inbox, type OfferOutcome } from '../inbox/inbox.ts';
import type { Replier } from '../message/reply-channel.ts';
import { seenKey, SeenKeys } from '../inbox/seen-keys.ts';
import type { KernelMessage } from '../message/message.ts';
import { type Pid, processNotFound } from '../process/pid.ts';
import type { ProcessTable } from '../process/process-table.ts';
import type { Observer } from './observer.ts';
import { addResponder, dropResponder, type PendingRequest } from './pending-request.ts';
import type { PendingRequests } from './pending-requests.ts';
import type { RemoteRequests } from './remote-requests.ts';

/** Code for a message that its recipient had before: it is not delivered again, and not lost. */
export const DUPLICATE: ErrorCode = 'ERR_DUPLICATE_REQUEST';

interface Box {
  readonly inbox: Inbox;
  readonly seen: SeenKeys;
}

/** Collaborators of an inbox table. */
export interface InboxTableDeps {
  readonly table: ProcessTable;
  readonly deadLetters: DeadLetters;
  readonly pending: PendingRequests;
  readonly remoteRequests: RemoteRequests;
  readonly clock: Clock;
  readonly replierOf: (pid: Pid) => Replier;
  readonly rememberedKeys: number;
  /** Told how many wait in an inbox that took a message. */
  readonly observer: Observer | undefined;
}

/** The inboxes of one router, and the one way into them. */
export class InboxTable {
  readonly #deps: InboxTableDeps;
  readonly #boxes = new Map<Pid, Box>();

  constructor(deps: InboxTableDeps) {
    this.#deps = deps;
  }

  /** Number of inboxes. */
  get size(): number {
    return this.#boxes.size;
  }

  /** The processes that have one. */
  pids(): IterableIterator<Pid> {
    return this.#boxes.keys();
  }

  /** Messages that wait in an inbox; 0 for none. */
  queued(pid: Pid): number {
    return this.#boxes.get(pid)?.inbox.size ?? 0;
  }

  /** State of a process that lives and has an inbox; undefined for others. */
  liveState(pid: Pid): 'running' | 'suspended' | undefined {
    const state = this.#boxes.has(pid) ? this.#deps.table.find(pid)?.state : undefined;
    return state === 'running' || state === 'suspended' ? state : undefined;
  }

  /** Tells whether an inbox would take another message now. */
  hasRoom(pid: Pid): boolean {
    return this.#boxes.get(pid)?.inbox.hasRoom === true;
  }

  /** Makes an inbox; one that is there is closed, and what it holds goes to the dead letters. @throws AgentwireError `ERR_INVALID_STATE` */
  create(pid: Pid, options: InboxOptions | undefined): Inbox {
    const { table, clock, deadLetters, pending, remoteRequests, rememberedKeys } = this.#deps;
    const entry = table.find(pid);
    if (entry === undefined) throw processNotFound(pid);
    if (entry.state === 'exited') throw new AgentwireError('ERR_INVALID_STATE', `process ${pid} has exited`);
    const resolved = resolveInboxOptions(options);
    this.#boxes.get(pid)?.inbox.close('target_not_found');
    const seen = new SeenKeys(rememberedKeys);
    const drop = (message: KernelMessage, reason: DeadLetterReason): void => {
      // it was not received, so a retry or a redrive with the same key must not count as a duplicate.
      const { fromNode, from, idempotencyKey } = message;
      if (idempotencyKey !== undefined) seen.delete(seenKey(fromNode, from, idempotencyKey));
      deadLetters.add(message, pid, reason);
      if (message.fromNode === undefined) pending.loseResponder(message.id, pid, codeOf(reason));
      else remoteRequests.loseResponder(message, pid, codeOf(reason));
    };
    const inbox = new Inbox(pid, resolved, { clock, reply: this.#deps.replierOf(pid), drop });
    this.#boxes.set(pid, { inbox, seen });
    return inbox;
  }

  /** Closes and removes an inbox; false if there is none. */
  remove(pid: Pid, reason: DeadLetterReason): boolean {
    const box = this.#boxes.get(pid);
    if (box === undefined) return false;
    this.#boxes.delete(pid);
    box.inbox.close(reason);
    return true;
  }

  /** Puts a message into an inbox, or gives the code why not; a refused one becomes a dead letter, a duplicate does not. */
  offer(pid: Pid, message: KernelMessage, waiting: PendingRequest | undefined): OfferOutcome {
    if (waiting !== undefined) addResponder(waiting, pid);
    const outcome = this.#put(pid, message);
    if (outcome === undefined) {
      this.#deps.observer?.queued(this.queued(pid));
      return undefined;
    }
    if (typeof outcome === 'string') return this.#refuse(pid, message, waiting, outcome);
    return outcome.then((code) => (code === undefined ? undefined : this.#refuse(pid, message, waiting, code)));
  }

  /** Puts a dead letter into the inbox it was for, or gives the code why not; it stays the one dead letter that it is. */
  redeliver(pid: Pid, message: KernelMessage): OfferOutcome {
    return this.#put(pid, message);
  }

  #put(pid: Pid, message: KernelMessage): OfferOutcome {
    const box = this.#boxes.get(pid);
    if (box === undefined) {
      const entry = this.#deps.table.find(pid);
      if (entry === undefined) return 'ERR_PROCESS_NOT_FOUND';
      return entry.state === 'exited' ? 'ERR_INBOX_CLOSED' : 'ERR_NO_INBOX';
    }
    if (message.idempotencyKey === undefined) return box.inbox.offer(message);
    const key = seenKey(message.fromNode, message.from, message.idempotencyKey);
    if (box.seen.has(key)) return DUPLICATE;
    box.seen.add(key);
    const outcome = box.inbox.offer(message);
    if (typeof outcome === 'string') box.seen.delete(key);
    if (!(outcome instanceof Promise)) return outcome;
    return outcome.then((code) => {
      if (code !== undefined) box.seen.delete(key);
      return code;
    });
  }

  #refuse(pid: Pid, message: KernelMessage, waiting: PendingRequest | undefined, code: ErrorCode): ErrorCode {
    if (waiting !== undefined) dropResponder(waiting, pid);
    if (code !== DUPLICATE) this.#deps.deadLetters.add(message, pid, reasonOf(code));
    return code;
  }
}

/** The reason that a dead letter has for a code. */
function reasonOf(code: ErrorCode): DeadLetterReason {
  switch (code) {
    case 'ERR_INBOX_FULL':
      return 'inbox_full';
    case 'ERR_INBOX_CLOSED':
      return 'agent_exited';
    case 'ERR_CAPABILITY_DENIED':
      return 'governance_denied';
    case 'ERR_TIMEOUT':
      return 'timeout';
    default:
      return 'target_not_found';
  }
}

function codeOf(reason: DeadLetterReason): ErrorCode {
  switch (reason) {
    case 'inbox_full':
      return 'ERR_INBOX_FULL';
    case 'agent_exited':
      return 'ERR_INBOX_CLOSED';
    case 'timeout':
      return 'ERR_TIMEOUT';
    default:
      return 'ERR_NO_INBOX';
  }
}
