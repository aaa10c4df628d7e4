import type { Configure, Peer } from '@agentwire/core';
import { isAgentwire } from '@agentwire/core/internal';

/**
 * Whether the events of one of the peer's requests may come on any connection, under an id that its client chose, and
 * without an end: a peer of the zentinel dialect that is not agentwire.
 */
export function isForeignZentinel(peer: Peer): boolean {
  return peer.dialect === 'zentinel' && !isAgentwire(peer);
}

/**
 * Whether the peer is the released Zentinel proxy, which takes a late answer for the answer to the next event of the same
 * id, and so must not get one.
 */
export function isReleasedProxy(peer: Peer): boolean {
  return peer.name === 'zentinel-proxy' && isForeignZentinel(peer);
}

/** Whether the peer speaks version 1, whose released proxy sends each event of a request on whichever connection is free. */
export function isVersionOne(peer: Peer): boolean {
  return peer.protocolVersions?.includes(2) === false;
}

/**
 * Whether a chunk is the end of a body that the proxy cut short: the released proxy inspects so much of a body and no
 * more, and says `is_last: false` with a total that has come already.
 */
export function isCutShort(
  chunk: {
    last: boolean;
    totalSize?: number | undefined;
    index: number;
    data: Uint8Array;
    bytesTransferred?: number | undefined;
  },
  peer: Peer,
): boolean {
  if (chunk.last || chunk.totalSize === undefined || !isReleasedProxy(peer)) return false;
  return Math.max(chunk.data.byteLength, chunk.bytesTransferred ?? 0) >= chunk.totalSize;
}

/** Whether a configuration is the empty one that peers of the crate send as a sign of life, which is never applied. */
export function isHeartbeat(event: Configure, peer: Peer): boolean {
  const { config, configVersion } = event;
  if (!isForeignZentinel(peer) || configVersion !== undefined) return false;
  return config === undefined || config === null || (typeof config === 'object' && Object.keys(config).length === 0);
}
