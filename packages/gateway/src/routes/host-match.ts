import { AgentwireError } from '@agentwire/core';

const LABELS = /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/i;

/** Checks a host of a route: a name, an IP address, or `*.NAME`, without port. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function checkRouteHost(name: string, value: unknown): void {
  if (typeof value === 'string' && value.length <= 255 && (LABELS.test(value) || /^\[[0-9a-f:.]+\]$/i.test(value)))
    return;
  const got = typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : typeof value;
  throw new AgentwireError(
    'ERR_INVALID_ARGUMENT',
    `${name} must be a host name, *.NAME or an IP address, without port, got ${got}`,
  );
}

/** Returns the host of a `Host` header as routes name it: in lower case, without port and without a dot at its end. */
export function routeHost(host: string): string {
  const end = host.startsWith('[') ? host.indexOf(']') + 1 : host.lastIndexOf(':');
  const name = end > 0 ? host.slice(0, end) : host;
  return (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase();
}

/** Returns whether a pattern matches every host that `host`, a name or a pattern itself, does. */
export function coversHost(pattern: string, host: string): boolean {
  if (!pattern.startsWith('*.')) return pattern === host;
  return pattern === host || host.endsWith(pattern.slice(1));
}
