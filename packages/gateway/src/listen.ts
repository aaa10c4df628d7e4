import type { AddressInfo, Server } from 'node:net';
import { checkInteger, checkKnownOptions, checkText, listenError } from '@agentwire/core/internal';

/** Address of a server. */
export interface ListenAddress {
  /** Host name or IP address; default `127.0.0.1`. */
  readonly host?: string;
  /** Port, 0 to 65 535; default 0, which takes a free one. */
  readonly port?: number;
}

/**
 * Starts `server`.
 *
 * @returns the address, as `http://HOST:PORT`
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option; `ERR_CONNECT` when the address is not available
 */
export async function listenOn(server: Server, options: ListenAddress): Promise<string> {
  checkKnownOptions('listen', options, ['host', 'port']);
  const host = checkText('host', options.host ?? '127.0.0.1');
  const port = checkInteger('port', options.port ?? 0, 0, 65_535);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject).listen(port, host, resolve);
  try {
    await promise;
  } catch (error) {
    throw listenError(error, `${host.includes(':') ? `[${host}]` : host}:${port}`);
  } finally {
    server.off('error', reject);
  }
  const { address, family, port: bound } = server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`;
}

/** Reads `HOST:PORT` and `[IPV6]:PORT`; `undefined` for anything else. */
export function parseHostPort(text: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) return undefined;
  return { host: match[1] ?? match[2] ?? '', port };
}
