import { isIP } from 'node:net';
import type { Configure, Peer, RequestMetadata } from '@agentwire/core';
import { isReleasedProxy, isThirdPartyZentinel } from '@agentwire/core/internal';

/** Returns whether the peer speaks version 1, whose released proxy sends each event of a request on whichever connection is free. */
export function isVersionOne(peer: Peer): boolean {
  return peer.protocolVersions?.includes(2) === false;
}

/**
 * Returns whether a chunk is the end of a body that the proxy truncated: the released proxy inspects a body up to a limit,
 * and sends `is_last: false` with a total size that has been reached already.
 */
export function isTruncated(
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

/** Returns whether a configuration is the empty one that peers of the crate send as a sign of life, which is never applied. */
export function isHeartbeat(event: Configure, peer: Peer): boolean {
  const { config, configVersion } = event;
  if (!isThirdPartyZentinel(peer) || configVersion !== undefined) return false;
  return config === undefined || config === null || (typeof config === 'object' && Object.keys(config).length === 0);
}

const ADDRESS_WITH_PORT = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/;

/**
 * Splits the client's address and port where the proxy put both into the address: the released one does, and sends 0 as the
 * port. Anything else is left as it is.
 */
export function withClientPort(metadata: RequestMetadata): RequestMetadata {
  if (metadata.clientPort !== 0) return metadata;
  const [, six, four, port] = ADDRESS_WITH_PORT.exec(metadata.clientIp) ?? [];
  const clientIp = six ?? four;
  const clientPort = Number(port);
  if (clientIp === undefined || isIP(clientIp) === 0 || clientPort > 65_535) return metadata;
  return { ...metadata, clientIp, clientPort };
}
