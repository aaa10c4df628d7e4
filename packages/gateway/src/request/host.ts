import { isIPv6 } from 'node:net';

const HOST = /^(?:\[([0-9A-Fa-f:.]+)\]|(?:[\w.~!$&'()*+,;=-]|%[\dA-Fa-f]{2})+)(?::(\d{0,5}))?$/;

/** Tells whether a `Host` value or an authority is `uri-host [":" port]` (RFC 9110 §7.2), not empty and without user. */
export function isHost(text: string): boolean {
  const match = HOST.exec(text);
  if (match === null) return false;
  const [, v6, port = ''] = match;
  return (v6 === undefined || isIPv6(v6)) && Number(port) <= 65_535;
}
