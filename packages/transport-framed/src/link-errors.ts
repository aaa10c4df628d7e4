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

/** Length of an HTTP/2 frame's head, and type of the SETTINGS frame with which a server begins (RFC 9113 §3.4, §4.1). */
const HTTP2_HEAD_BYTES = 9;
const HTTP2_SETTINGS = 4;

/**
 * Returns whether a stream begins as HTTP/2 does, on either side. As frames, both are refused anyway: a length of 1.3 GB, and a first
 * frame of type 0. A piece that is too short to tell is not one.
 */
export function isHttp2(first: Buffer): boolean {
  if (first.length < HTTP2_HEAD_BYTES) return false;
  const isClient = first.toString('latin1', 0, HTTP2_HEAD_BYTES) === 'PRI * HTT';
  return isClient || (first.readUInt16BE(0) === 0 && first[3] === HTTP2_SETTINGS && first.readUIntBE(4, 5) === 0);
}

/** Creates the error of a peer that {@link isHttp2}. */
export function speaksHttp2(): AgentwireError {
  return new AgentwireError(
    'ERR_PROTOCOL',
    'the other side speaks HTTP/2, not frames: for gRPC the address is grpc+unix:PATH, grpc://HOST:PORT or grpcs://HOST:PORT on both sides',
  );
}
