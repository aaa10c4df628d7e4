import type { AgentwireError } from '@agentwire/core';
import type { KernelMessage } from '../message/message.ts';
import type { Pid } from '../process/pid.ts';
import type { Party } from './parties.ts';
import type { RequestWatcher } from './request-signals.ts';
import type { StreamWindow } from './stream-window.ts';

/** Receives the answers of one request. */
export interface RequestHooks {
  /** Takes an answer; true ends the request. */
  onReply(message: KernelMessage): boolean;
  /** Takes the reason why there will be no further answer. */
  onEnd(error: AgentwireError): void;
}

/** Table in which a request waits. */
export interface RequestOwner {
  /** Notes that a process here has the request and may answer it. */
  addResponder(request: PendingRequest, pid: Pid): void;
  /** Takes that back, for a process that could not have the request after all. */
  dropResponder(request: PendingRequest, pid: Pid): void;
}

/** One request that waits for its answer. */
export class PendingRequest {
  readonly id: string;
  readonly from: Pid;
  /** Milliseconds on the clock at which it fails. */
  readonly expires: number;
  /** Credits of a streamed answer. */
  readonly window: StreamWindow | undefined;
  /** Replaced when it ends, so that a message that carries the request keeps no answer alive. */
  hooks: RequestHooks;
  /** Asker, while it waits. */
  asking: Party<PendingRequest> | undefined = undefined;
  /** Local processes that received it and have not been lost since, the last one first; changed by {@link addResponder} and {@link dropResponder}. */
  responders: Party<PendingRequest> | undefined = undefined;
  /** True when it also went to other nodes. */
  remote = false;
  /** Reason why no local process could have it, when it went to other nodes for that reason. */
  refusal: AgentwireError | undefined = undefined;
  /** Table in which it waits; undefined before that. */
  owner: RequestOwner | undefined = undefined;
  /** True once it is over; a gate that is still pending then decides for no caller. */
  ended = false;
  /** True once it can be found by its id. */
  indexed = false;
  older: PendingRequest | undefined = undefined;
  newer: PendingRequest | undefined = undefined;
  /** Handlers that watch for its end. */
  watchers: RequestWatcher[] | undefined = undefined;

  constructor(id: string, from: Pid, expires: number, hooks: RequestHooks, window: StreamWindow | undefined) {
    this.id = id;
    this.from = from;
    this.expires = expires;
    this.hooks = hooks;
    this.window = window;
  }

  /** Called when the first handler watches it; requests of other nodes override it. */
  onWatch(): void {
    // a local request is watched where it waits
  }
}

/** Notes that a process here has a request and may answer it. */
export function addResponder(request: PendingRequest, pid: Pid): void {
  request.owner?.addResponder(request, pid);
}

/** Takes that back, for a process that could not have the request after all. */
export function dropResponder(request: PendingRequest, pid: Pid): void {
  request.owner?.dropResponder(request, pid);
}

/** Tells whether a process here has a request and may answer it. */
export function mayAnswer(request: PendingRequest, pid: Pid): boolean {
  let one = request.responders;
  while (one !== undefined && one.pid !== pid) one = one.other;
  return one !== undefined;
}

/** Takes a process out of those that may answer a request, and gives its part back; undefined if it was none of them. */
export function takeResponder(request: PendingRequest, pid: Pid): Party<PendingRequest> | undefined {
  let last: Party<PendingRequest> | undefined;
  let one = request.responders;
  while (one !== undefined && one.pid !== pid) {
    last = one;
    one = one.other;
  }
  if (one === undefined) return undefined;
  if (last === undefined) request.responders = one.other;
  else last.other = one.other;
  one.other = undefined;
  return one;
}
