import type { Outcome } from '../outcome/outcome.ts';
import type { Medium } from '../scenarios/expected.ts';

/** Asking side: agentwire's session or pool, the crate's client or pool; with `reverse` the pool behind the listener at which agents register. */
export type ProxyName = 'session' | 'pool' | 'reverse' | 'crate' | 'crate-pool' | 'crate-reverse';
/** Deciding side: `agentwire agent reference`, or the same agent on the crate's servers. */
export type AgentName = 'ours' | 'crate';

/** One field of the matrix. */
export interface Cell {
  readonly medium: Medium;
  readonly proxy: ProxyName;
  readonly agent: AgentName;
}

/** A field that was played. */
export interface Played extends Cell {
  readonly outcomes: readonly Outcome[];
}

export const MEDIA: readonly Medium[] = ['uds-json', 'uds-msgpack', 'grpc'];
export const PROXIES: readonly ProxyName[] = ['session', 'pool', 'reverse', 'crate', 'crate-pool', 'crate-reverse'];
export const AGENTS: readonly AgentName[] = ['ours', 'crate'];

/** Every field; where the crate is not there, only ours with ours. */
export function allCells(withCrate: boolean): Cell[] {
  const cells = MEDIA.flatMap((medium) =>
    AGENTS.flatMap((agent) => PROXIES.map((proxy) => ({ medium, proxy, agent }) satisfies Cell)).filter(canBe),
  );
  return withCrate ? cells : cells.filter(({ proxy, agent }) => agent === 'ours' && !isCrate(proxy));
}

/** Agents register over Unix sockets; the crate's listener speaks JSON with them, and ours MessagePack with an agent that offers it. */
function canBe({ medium, proxy, agent }: Cell): boolean {
  if (proxy === 'crate-reverse') return medium === 'uds-json';
  return proxy !== 'reverse' || medium === 'uds-msgpack' || (medium === 'uds-json' && agent === 'crate');
}

/** Tests whether agents register with the asking side. */
export function isReverse(proxy: ProxyName): boolean {
  return proxy === 'reverse' || proxy === 'crate-reverse';
}

/** Tests whether the crate is the asking side. */
export function isCrate(proxy: ProxyName): boolean {
  return proxy === 'crate' || proxy === 'crate-pool' || proxy === 'crate-reverse';
}
