import { AgentwireError } from '@agentwire/core';
import { fromNodeError } from './http2-errors.ts';

/** What the error of a session says that has not finished its handshake. */
export function connectError(error: unknown, connected: boolean, where: string): AgentwireError {
  const code = String((error as { code?: unknown } | undefined)?.code ?? '');
  if (/^ERR_SSL_.*(CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED)/.test(code)) {
    return new AgentwireError('ERR_UNAUTHORIZED', `${where} did not accept this side's certificate (${code})`, {
      cause: error,
    });
  }
  return fromNodeError(error, 'ERR_CONNECT', connected ? `${where}, during the handshake` : where);
}
