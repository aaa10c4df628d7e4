import { AgentwireError } from './errors.ts';

/** Reasons for which the system refuses to bind an address, by errno. */
const BIND_REASONS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not use it; check owner and mode',
  EADDRINUSE: 'another process listens there',
  EADDRNOTAVAIL: 'this machine does not have that address',
  EMFILE: 'this process has no file descriptor left; raise ulimit -n',
  ENFILE: 'this machine has no file descriptor left',
  ENOENT: 'its folder does not exist',
  ENOTDIR: 'a part of the path is not a folder',
  ENOTFOUND: 'the host name is not known',
  EPERM: 'this user may not use it',
  EROFS: 'the file system is read-only',
};

const UNKNOWN_AUTHORITY =
  'its certificate is of an authority that this side does not know; name it with tls.ca (--tls-ca on the command line)';

/** Reasons for which a connection cannot be made, by the code of Node's error. */
const CONNECT_REASONS: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  ECONNREFUSED: 'nothing listens there; is the other side running?',
  ENOENT: 'nothing is there; is the other side running?',
  ENOTFOUND: 'the host name is not known',
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
};

function reasonOf(error: unknown, reasons: Readonly<Record<string, string>>): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return code !== undefined && Object.hasOwn(reasons, code) ? reasons[code] : undefined;
}

/** Returns the reason of an error of dialling, with what to do about it; `undefined` for a rare one. */
export function connectReason(error: unknown): string | undefined {
  return reasonOf(error, CONNECT_REASONS);
}

/**
 * Creates the error of an address that cannot be bound: `cannot listen on HOST:PORT: another process listens there`.
 *
 * It is `ERR_CONNECT` and not retryable: the address is refused again until its cause is removed.
 *
 * @param address as the caller gave it
 */
export function listenError(error: unknown, address: string): AgentwireError {
  if (error instanceof AgentwireError) return error;
  const { code, message } =
    error instanceof Error ? (error as NodeJS.ErrnoException) : { code: undefined, message: '' };
  const reason = reasonOf(error, BIND_REASONS);
  const why = reason === undefined ? message || String(error) : `${reason} (${code})`;
  return new AgentwireError('ERR_CONNECT', `cannot listen on ${address}: ${why}`, {
    cause: error,
    retryable: false,
    ...(code !== undefined && { detail: { code } }),
  });
}
