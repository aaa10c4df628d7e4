import type { Socket } from 'node:net';
import { AgentwireError, type HeaderList } from '@agentwire/core';
import type { Member } from './members.ts';
import type { UpstreamDispatch } from './upstream-dispatch.ts';
import { isBrokenOff } from './upstream-error.ts';
import type { OutgoingRequest, ResponseControl, ResponseHandler, UpstreamCall } from './upstream-messages.ts';

/** The part of an `UpstreamGroup` that a {@link GroupCall} uses. */
export interface GroupCallDeps {
  choose(request: OutgoingRequest, tried: ReadonlySet<Member>): Member;
  failed(member: Member): void;
}

/** Statuses that count as failures of a target: it, or what it stands for, is not there. */
const UNAVAILABLE: ReadonlySet<number> = new Set([502, 503, 504]);

/** Errors after which another target may do better. */
function isUnreachable(error: Error): boolean {
  if (!(error instanceof AgentwireError)) return false;
  return error.code === 'ERR_CONNECT' || error.code === 'ERR_TIMEOUT' || isBrokenOff(error);
}

/** One request to a group: sent to one server, and to further ones while they cannot be reached. */
export class GroupCall implements ResponseHandler, UpstreamCall {
  readonly #group: GroupCallDeps;
  readonly #request: OutgoingRequest;
  readonly #response: ResponseHandler;
  readonly #tried = new Set<Member>();
  #retriesLeft: number;
  #member: Member | undefined;
  #call: UpstreamDispatch | undefined;
  #attempts = 0;
  #begun = false;
  #aborted = false;

  constructor(group: GroupCallDeps, request: OutgoingRequest, response: ResponseHandler) {
    this.#group = group;
    this.#request = request;
    this.#response = response;
    this.#retriesLeft = request.retries ?? 1;
  }

  /** Sends the request to the next server. */
  start(): void {
    const member = this.#group.choose(this.#request, this.#tried);
    this.#member = member;
    this.#tried.add(member);
    this.#call = member.upstream.send(this.#request, this);
  }

  get attempts(): number {
    return this.#attempts + (this.#call?.attempts ?? 0);
  }

  get target(): string {
    return this.#member?.key ?? '';
  }

  get stalledSince(): number | undefined {
    return this.#response.stalledSince;
  }

  evict(): void {
    this.#response.evict();
  }

  onHead(status: number, headers: HeaderList, control: ResponseControl): boolean {
    this.#begun = true;
    if (this.#member !== undefined) {
      if (UNAVAILABLE.has(status)) this.#group.failed(this.#member);
      else this.#member.health.succeeded();
    }
    return this.#response.onHead(status, headers, control);
  }

  onData(chunk: Uint8Array): boolean {
    return this.#response.onData(chunk);
  }

  onEnd(trailers?: HeaderList): void {
    this.#response.onEnd(trailers);
  }

  onUpgrade(headers: HeaderList, socket: Socket): void {
    this.#begun = true;
    this.#member?.health.succeeded();
    this.#response.onUpgrade?.(headers, socket);
  }

  onError(error: Error): void {
    const [member, call] = [this.#member, this.#call];
    if (!this.#aborted && !this.#begun && member !== undefined && isUnreachable(error)) {
      this.#group.failed(member);
      if (this.#retriesLeft > 0 && call?.repeatable === true && !call.timedOut) {
        this.#retriesLeft -= 1;
        this.#attempts += call.attempts;
        this.#call = undefined;
        // not at once: undici asserts that nothing was added to a queue whose requests it fails
        process.nextTick(() => (this.#aborted ? this.#response.onError(error) : this.start()));
        return;
      }
    }
    this.#response.onError(error);
  }

  abort(error: Error): void {
    this.#aborted = true;
    this.#call?.abort(error);
  }
}
