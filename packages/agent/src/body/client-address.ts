import { isIP } from 'node:net';
import type { RequestMetadata } from '@agentwire/core';

const WITH_PORT = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/;

/**
 * Address and port of the client apart, where the proxy put both into the address: the released one does, and says 0 as
 * the port. Anything else is left as it came.
 */
export function withClientPort(metadata: RequestMetadata): RequestMetadata {
  if (metadata.clientPort !== 0) return metadata;
  const [, six, four, port] = WITH_PORT.exec(metadata.clientIp) ?? [];
  const clientIp = six ?? four;
  const clientPort = Number(port);
  if (clientIp === undefined || isIP(clientIp) === 0 || clientPort > 65_535) return metadata;
  return { ...metadata, clientIp, clientPort };
}
