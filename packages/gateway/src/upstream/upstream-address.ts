import { AgentwireError } from '@agentwire/core';

/** Address of a server behind the gateway. */
export interface UpstreamAddress {
  /** For the HTTP client: `http://HOST:PORT`. */
  readonly origin: string;
  /** `Host` where a request names none. */
  readonly host: string;
  /** Host name or IP address without port. */
  readonly hostname: string;
  /** Path of a Unix socket, in place of the host. */
  readonly socketPath: string | undefined;
  /** As it was written, for logs. */
  readonly text: string;
}

/**
 * Reads the address of an upstream.
 *
 * @param name of the option, for errors
 * @throws AgentwireError `ERR_INVALID_ARGUMENT`
 */
export function parseUpstream(text: unknown, name = 'upstream'): UpstreamAddress {
  if (typeof text === 'string' && /^unix:\/[^\0]{1,106}$/.test(text))
    return {
      origin: 'http://localhost',
      host: 'localhost',
      hostname: 'localhost',
      socketPath: text.slice('unix:'.length),
      text,
    };
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined;
  const plain = url !== undefined && /^https?:$/.test(url.protocol) && url.pathname === '/';
  // credentials in it would be sent nowhere, and would appear in logs
  if (plain && url.search === '' && url.hash === '' && url.username === '' && url.password === '')
    return { origin: url.origin, host: url.host, hostname: url.hostname, socketPath: undefined, text: url.origin };
  const grpc = typeof text === 'string' && /^(?:grpcs?|h2c?):/i.test(text);
  const hint = grpc ? '; for gRPC and other HTTP/2, list http://HOST:PORT in upstreams, with protocol: http2' : '';
  const shown = typeof text === 'string' ? JSON.stringify(text.replace(/\/\/[^/@]*@/, '//…@')) : typeof text;
  throw new AgentwireError(
    'ERR_INVALID_ARGUMENT',
    `${name} must be http://HOST:PORT or https://HOST:PORT, or unix:/PATH, got ${shown}${hint}`,
  );
}
