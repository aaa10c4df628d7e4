import { AgentwireError } from '@agentwire/core';
import { connectReason } from '@agentwire/core/internal';
import { fromNodeError } from './http2-errors.ts';

/** What the errors of a stream and its session say that have not finished their handshake; at least one. */
export function connectError(errors: readonly unknown[], connected: boolean, where: string): AgentwireError {
  for (const error of errors) {
    const { code = '' } = error as { code?: string };
    if (
      /^ERR_SSL_.*(CERTIFICATE_REQUIRED|ALERT_BAD_CERTIFICATE|UNKNOWN_CA|ALERT_ACCESS_DENIED|HANDSHAKE_FAILURE)/.test(
        code,
      )
    ) {
      return new AgentwireError('ERR_UNAUTHORIZED', `${where} did not accept this side's certificate (${code})`, {
        cause: error,
      });
    }
  }
  // a stream that was still waiting is cancelled, and what happened is its cause
  const all = errors.flatMap((error) => [error, (error as { readonly cause?: unknown } | undefined)?.cause]);
  const told = all.find((error) => connectReason(error) !== undefined) ?? errors[0];
  return fromNodeError(
    told,
    'ERR_CONNECT',
    connected ? `${where}, during the handshake` : `cannot connect to ${where}`,
  );
}
