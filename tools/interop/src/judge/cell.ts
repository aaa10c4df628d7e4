import type { Outcome } from '../outcome/outcome.ts';
import type { Medium } from '../scenarios/expected.ts';

/** Asking side: agentwire's session or pool, the crate's client or pool. */
export type ProxyName = 'session' | 'pool' | 'crate' | 'crate-pool';
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
export const PROXIES: readonly ProxyName[] = ['session', 'pool', 'crate', 'crate-pool'];
export const AGENTS: readonly AgentName[] = ['ours', 'crate'];

/** Every field; where the crate is not there, only ours with ours. */
export function allCells(withCrate: boolean): Cell[] {
  const cells = MEDIA.flatMap((medium) =>
    AGENTS.flatMap((agent) => PROXIES.map((proxy) => ({ medium, proxy, agent }) satisfies Cell)),
  );
  return withCrate ? cells : cells.filter(({ proxy, agent }) => agent === 'ours' && !isCrate(proxy));
}

/** Tests whether the crate is the asking side. */
export function isCrate(proxy: ProxyName): boolean {
  return proxy === 'crate' || proxy === 'crate-pool';
}
