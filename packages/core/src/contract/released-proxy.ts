// Facts about the released Zentinel proxy that several packages need; docs/zentinel.md has their sources.
import { isAgentwire, type Peer, type Quirk } from './peer.ts';

/** Name that the released proxy sends in its handshake, over every transport. */
const NAME = 'zentinel-proxy';

const COMMON_QUIRKS: readonly Quirk[] = [
  'challenge_is_allow',
  'redirect_is_error',
  'block_headers_dropped',
  'request_body_mutation_ignored',
  'needs_more_ignored',
  'response_block_ignored',
  'response_headers_early_dropped',
];

/** Quirks by carrier: over gRPC its client drops changes of response bodies, over a byte stream an empty one is none. */
const QUIRKS: Readonly<Record<'stream' | 'grpc', readonly Quirk[]>> = {
  stream: Object.freeze<Quirk[]>([...COMMON_QUIRKS, 'response_body_mutation_required']),
  grpc: Object.freeze<Quirk[]>([...COMMON_QUIRKS, 'response_body_mutation_ignored']),
};

/**
 * Tells a peer of the zentinel dialect that is not agentwire: the events of one of its requests may come on any connection,
 * under an id that its client chose, and without an end.
 */
export function isThirdPartyZentinel(peer: Peer): boolean {
  return peer.dialect === 'zentinel' && !isAgentwire(peer);
}

/**
 * Tells the released Zentinel proxy, by its name, from other peers of its dialect. It takes a late answer for the answer to
 * the next event of the same id, and so must not get one.
 */
export function isReleasedProxy(peer: Peer): boolean {
  return peer.name === NAME && isThirdPartyZentinel(peer);
}

/** Quirks of a third-party proxy of that name, by what carries its messages: those of the released proxy, or none. */
export function zentinelQuirks(proxyName: string, carrier: 'stream' | 'grpc'): readonly Quirk[] {
  return proxyName === NAME ? QUIRKS[carrier] : [];
}
