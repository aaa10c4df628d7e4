import type { HeaderList } from '@agentwire/core';
import { HeaderMap } from '@agentwire/headers';
import { type Balance, BALANCES } from './balance.ts';
import { GroupCall } from './group-call.ts';
import { type Member, Members, type MembersDeps } from './members.ts';
import {
  type OutgoingRequest,
  type ResponseHandler,
  type UpstreamCall,
  type UpstreamSender,
  sumUsage,
  type UpstreamUsage,
} from './upstream-messages.ts';

/** State of one target, for `/debug/state`. */
export interface TargetStats {
  readonly target: string;
  readonly state: 'healthy' | 'ejected' | 'unhealthy';
  readonly active: number;
}

/** Returns a function that makes the key of a request for `consistentHash`. */
function hashKeyOf(hashOn = 'clientIp'): (request: OutgoingRequest) => string {
  if (hashOn === 'clientIp') return ({ client }) => client ?? '';
  if (hashOn === 'path') return ({ path }) => path.split('?', 1)[0] ?? '';
  const name = hashOn.slice('header:'.length);
  return ({ headers }: { readonly headers: HeaderList }) => new HeaderMap(headers).get(name) ?? '';
}

/** Servers that answer the same requests: each request goes to one of them, and to another one where that cannot be reached. */
export class UpstreamGroup implements UpstreamSender {
  readonly #members: Members;
  readonly #balance: Balance;
  readonly #hashKey: (request: OutgoingRequest) => string;

  constructor(deps: MembersDeps) {
    const { balance = 'roundRobin', hashOn } = deps.config;
    this.#members = new Members(deps);
    this.#balance = BALANCES[balance]();
    this.#hashKey = balance === 'consistentHash' ? hashKeyOf(hashOn) : () => '';
  }

  get host(): string {
    return this.#members.host;
  }

  get contended(): boolean {
    return this.#members.all.some(({ upstream }) => upstream.contended);
  }

  get usage(): UpstreamUsage {
    return sumUsage(this.#members.all.map(({ upstream }) => upstream.usage));
  }

  get stats(): readonly TargetStats[] {
    return this.#members.all.map(({ key, health, active }) => ({ target: key, state: health.state, active }));
  }

  /** Chooses a server. @param tried those that failed already; they are chosen only where there is no other */
  choose(request: OutgoingRequest, tried: ReadonlySet<Member>): Member {
    const { all } = this.#members;
    const fresh = all.filter((member) => !tried.has(member));
    const usable = fresh.filter(({ health }) => health.usable);
    // where none is usable, a request that may fail is better than one that does
    const candidates = usable.length > 0 ? usable : fresh.length > 0 ? fresh : all;
    return candidates.length === 1 ? (candidates[0] as Member) : this.#balance(candidates, this.#hashKey(request));
  }

  /** Counts a failed request of a server. */
  failed(member: Member): void {
    member.health.failed(!this.#members.all.some((other) => other !== member && other.health.usable));
  }

  send(request: OutgoingRequest, response: ResponseHandler): UpstreamCall {
    const call = new GroupCall(this, request, response);
    call.start();
    return call;
  }

  retire(): void {
    this.#members.retire();
  }

  abort(): Promise<void> {
    return this.#members.abort();
  }
}
