import { isIP } from 'node:net';
import { AgentwireError } from '@agentwire/core';
import { checkText } from '@agentwire/core/internal';

const HOST = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::\d*)?$/;

/**
 * Checks a name that `Host` may have: labels of letters, digits, `-` and `_`, without a port.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT`
 */
export function checkHostName(name: string, value: unknown): void {
  checkText(name, value);
  if (typeof value === 'string' && value.length <= 253 && /^[\w-]+(?:\.[\w-]+)*\.?$/.test(value)) return;
  throw new AgentwireError(
    'ERR_INVALID_ARGUMENT',
    `${name} must be a host name without a port, got ${JSON.stringify(String(value).slice(0, 80))}`,
  );
}

/**
 * Returns the check of the admin server's `Host` header: `localhost`, any IP literal, and `names`, each with any port.
 *
 * A page of another site reaches a loopback port through a name of its own that resolves there (DNS rebinding), and sends
 * that name as `Host`. IP literals cannot be rebound; probes and Prometheus use them. HTTP/1.0 without `Host`
 * passes: browsers always send one.
 */
export function createHostCheck(names: readonly string[]): (host: string | undefined) => boolean {
  const allowed = new Set(['localhost', ...names.map((name) => name.toLowerCase())]);
  return (host) => {
    if (host === undefined) return true;
    const match = HOST.exec(host);
    if (match === null) return false;
    const [, v6, name = ''] = match;
    return v6 === undefined ? isIP(name) === 4 || allowed.has(name.toLowerCase()) : isIP(v6) === 6;
  };
}
