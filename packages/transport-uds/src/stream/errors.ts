import { AgentwireError, type ErrorCode } from '@agentwire/core';
import { connectReason, listenError } from '@agentwire/core/internal';

/** What a system call, the TLS layer or Node adds to an `Error`. */
interface SystemError extends Error {
  readonly code?: string;
}

/** What to do about the errors that people meet; keyed by errno. */
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

// the TLS layer refuses a certificate with one of these, and asking again gives the same one
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_|HOSTNAME|ALTNAME/;

function codeOf(error: unknown): string {
  const code = error instanceof Error ? (error as SystemError).code : undefined;
  return code ?? 'unknown error';
}

function translate(error: unknown, code: ErrorCode, context: string): AgentwireError {
  if (error instanceof AgentwireError) return error;
  const seen = codeOf(error);
  const hint = connectReason(error) ?? HINTS[seen] ?? (error instanceof Error ? error.message : String(error));
  const options = { cause: error, detail: { code: seen } };
  const text = `${context}: ${seen}, ${hint}`;
  return new AgentwireError(code, text, CERTIFICATE.test(seen) ? { ...options, retryable: false } : options);
}

/** A failed attempt to dial. */
export function dialError(error: unknown, address: string): AgentwireError {
  return translate(error, 'ERR_CONNECT', `cannot connect to ${address}`);
}

/** A failed attempt to bind. */
export function bindError(error: unknown, address: string): AgentwireError {
  return listenError(error, address);
}

/** Something that happened to an open socket. */
export function streamError(error: unknown, name: string): AgentwireError {
  return translate(error, 'ERR_CLOSED', `${name} broke`);
}

/** Whether `error` is a system error with this errno. */
export function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes(codeOf(error));
}
