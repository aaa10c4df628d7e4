import { AgentwireError, type Transport } from '@agentwire/core';

/** Returns the first transport that serves a scheme. @throws AgentwireError `ERR_INVALID_ADDRESS` naming `endpoint` */
export function findTransport(transports: readonly Transport[], scheme: string, endpoint: string): Transport {
  const transport = transports.find(({ schemes }) => schemes.includes(scheme));
  if (transport !== undefined) return transport;
  const known = transports.flatMap(({ schemes }) => schemes).join(', ') || 'none';
  throw new AgentwireError(
    'ERR_INVALID_ADDRESS',
    `no transport serves ${scheme}: of ${endpoint}; this pool has ${known}. Pass one: new AgentPool({ transports: [...] })`,
  );
}
