import { AgentwireError, type ErrorCode } from '@agentwire/core';
import { connectReason } from '@agentwire/core/internal';

/** Advice for frequent system errors, by errno. */
const HINTS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not use it; check owner and mode',
  EAGAIN: 'its queue of new connections is full',
  ECONNRESET: 'the other side dropped the connection',
  EMFILE: 'this process has no file descriptor left; raise ulimit -n',
  ENFILE: 'this machine has no file descriptor left',
  ENOTDIR: 'a part of the path is not a folder',
  ENOTSOCK: 'it is not a socket',
  EPERM: 'this user may not use it',
  EPIPE: 'the other side has closed the connection',
  EPROTOTYPE: 'it is a socket of another kind',
};

// codes with which the TLS layer refuses a certificate; asking again gives the same one
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_|HOSTNAME|ALTNAME/;

function translate(error: unknown, code: ErrorCode, context: string): AgentwireError {
  if (error instanceof AgentwireError) return error;
  const { code: errno, message } =
    error instanceof Error ? (error as NodeJS.ErrnoException) : { message: String(error) };
  if (errno === undefined) return new AgentwireError(code, `${context}: ${message}`, { cause: error });
  const hint = connectReason(error) ?? HINTS[errno] ?? message;
  return new AgentwireError(code, `${context}: ${errno}, ${hint}`, {
    cause: error,
    detail: { code: errno },
    ...(CERTIFICATE.test(errno) && { retryable: false }),
  });
}

/** Makes the error of a failed attempt to dial. */
export function dialError(error: unknown, address: string): AgentwireError {
  return translate(error, 'ERR_CONNECT', `cannot connect to ${address}`);
}

/** Makes the error of a link that broke. */
export function linkError(error: unknown, name: string): AgentwireError {
  return translate(error, 'ERR_CLOSED', `${name} broke`);
}
