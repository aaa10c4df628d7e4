import { AgentwireError, parseEndpoint, type Role, type Transport } from '@agentwire/core';

/**
 * Returns the transport for an address, by its scheme.
 *
 * @param dialAs role to dial with; `undefined` to listen
 * @throws AgentwireError `ERR_INVALID_ADDRESS` that names the available schemes
 */
export function chooseTransport(transports: readonly Transport[], address: string, dialAs?: Role): Transport {
  const { scheme } = parseEndpoint(address);
  const serving = transports.filter((transport) => dialAs === undefined || transport.dials.includes(dialAs));
  const chosen = serving.find((transport) => transport.schemes.includes(scheme));
  if (chosen !== undefined) return chosen;
  const schemes = serving.flatMap((transport) => transport.schemes).join(', ') || 'none';
  const what = dialAs === undefined ? 'listens on' : 'dials';
  throw new AgentwireError(
    'ERR_INVALID_ADDRESS',
    `no transport ${what} ${scheme} (${JSON.stringify(address)}); there are transports for ${schemes}`,
  );
}
