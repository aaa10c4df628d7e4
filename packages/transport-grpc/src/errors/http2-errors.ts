import { constants } from 'node:http2';
import { AgentwireError, type ErrorCode } from '@agentwire/core';
import { connectReason, printable } from '@agentwire/core/internal';

/** gRPC status numbers that this transport sends or knows. */
const GRPC_STATUS: Readonly<Record<GrpcStatusName, number>> = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
};

/** A name of {@link GRPC_STATUS}. */
type GrpcStatusName =
  | 'OK'
  | 'CANCELLED'
  | 'UNKNOWN'
  | 'INVALID_ARGUMENT'
  | 'DEADLINE_EXCEEDED'
  | 'PERMISSION_DENIED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'UNIMPLEMENTED'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'UNAUTHENTICATED';

const BY_GRPC_STATUS: Readonly<Record<number, ErrorCode>> = {
  1: 'ERR_CLOSED',
  3: 'ERR_PROTOCOL',
  4: 'ERR_TIMEOUT',
  7: 'ERR_UNAUTHORIZED',
  8: 'ERR_OVERLOADED',
  9: 'ERR_VERSION_MISMATCH',
  10: 'ERR_CLOSED',
  11: 'ERR_MESSAGE_TOO_LARGE',
  12: 'ERR_UNSUPPORTED',
  14: 'ERR_CLOSED',
  16: 'ERR_UNAUTHORIZED',
};

const BY_HTTP_STATUS: Readonly<Record<number, ErrorCode>> = {
  401: 'ERR_UNAUTHORIZED',
  403: 'ERR_UNAUTHORIZED',
  404: 'ERR_UNSUPPORTED',
  429: 'ERR_OVERLOADED',
  502: 'ERR_CONNECT',
  503: 'ERR_CONNECT',
  504: 'ERR_TIMEOUT',
};

const BY_HTTP2_CODE: Readonly<Record<number, ErrorCode>> = {
  [constants.NGHTTP2_NO_ERROR]: 'ERR_CLOSED',
  [constants.NGHTTP2_PROTOCOL_ERROR]: 'ERR_PROTOCOL',
  [constants.NGHTTP2_FLOW_CONTROL_ERROR]: 'ERR_PROTOCOL',
  [constants.NGHTTP2_FRAME_SIZE_ERROR]: 'ERR_PROTOCOL',
  [constants.NGHTTP2_REFUSED_STREAM]: 'ERR_OVERLOADED',
  [constants.NGHTTP2_COMPRESSION_ERROR]: 'ERR_PROTOCOL',
  [constants.NGHTTP2_ENHANCE_YOUR_CALM]: 'ERR_OVERLOADED',
};

const BY_ERRNO: Readonly<Record<string, ErrorCode>> = {
  EPIPE: 'ERR_CLOSED',
  ECONNRESET: 'ERR_CLOSED',
  ECONNABORTED: 'ERR_CLOSED',
  ETIMEDOUT: 'ERR_TIMEOUT',
  ERR_HTTP2_SESSION_ERROR: 'ERR_CLOSED',
  ERR_HTTP2_STREAM_ERROR: 'ERR_CLOSED',
  ERR_HTTP2_INVALID_SESSION: 'ERR_CLOSED',
  ERR_HTTP2_GOAWAY_SESSION: 'ERR_CLOSED',
  ERR_HTTP2_STREAM_CANCEL: 'ERR_CLOSED',
  ERR_HTTP2_ERROR: 'ERR_PROTOCOL',
};

/** Longest text of a peer that is repeated in an error. */
const MAX_PEER_TEXT = 256;

/** Text of the peer for an error or a log: short, in its own letters, with control characters escaped. */
export function peerText(text: string): string {
  return printable(text.slice(0, MAX_PEER_TEXT));
}

function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Error of a stream's `grpc-status` and `grpc-message`; undefined for OK. */
export function fromGrpcStatus(status: unknown, message: unknown, where: string): AgentwireError | undefined {
  const number = Number(status);
  if (number === 0) return undefined;
  const text = typeof message === 'string' ? `: ${peerText(percentDecode(message))}` : '';
  const code =
    number === 8 && /larger than|too large|exceeds/i.test(text) ? 'ERR_MESSAGE_TOO_LARGE' : BY_GRPC_STATUS[number];
  return new AgentwireError(code ?? 'ERR_CLOSED', `${where} ended the stream with grpc-status ${number}${text}`, {
    detail: { grpcStatus: number },
  });
}

/** Error of an HTTP status other than 200. */
export function fromHttpStatus(status: number, where: string): AgentwireError {
  return new AgentwireError(
    BY_HTTP_STATUS[status] ?? 'ERR_PROTOCOL',
    `${where} answered with HTTP status ${status}, not 200`,
    {
      detail: { httpStatus: status },
    },
  );
}

/** Error of the HTTP/2 code of a RST_STREAM or GOAWAY. */
export function fromHttp2Code(code: number, where: string): AgentwireError {
  return new AgentwireError(BY_HTTP2_CODE[code] ?? 'ERR_CLOSED', `${where} ended the stream with HTTP/2 code ${code}`, {
    detail: { http2Code: code },
  });
}

/** Typed error of an error of a socket, session or stream; `fallback` is the code of one that is not in the table. */
export function fromNodeError(error: unknown, fallback: ErrorCode, where: string): AgentwireError {
  if (error instanceof AgentwireError) return error;
  const code = (error as { code?: unknown } | undefined)?.code;
  const known = typeof code === 'string' ? BY_ERRNO[code] : undefined;
  const message = error instanceof Error ? error.message : String(error);
  const isDial = fallback === 'ERR_CONNECT';
  const reason = isDial ? connectReason(error) : undefined;
  const text = reason === undefined ? message : `${String(code)}, ${reason}`;
  return new AgentwireError(isDial ? fallback : (known ?? fallback), `${where}: ${text}`, { cause: error });
}

/** Error of a failed handshake, from the errors of its stream and session; at least one. */
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
  // a stream that was still waiting is cancelled, with the failure as its cause
  const all = errors.flatMap((error) => [error, (error as { readonly cause?: unknown } | undefined)?.cause]);
  const told = all.find((error) => connectReason(error) !== undefined) ?? errors[0];
  return fromNodeError(
    told,
    'ERR_CONNECT',
    connected ? `${where}, during the handshake` : `cannot connect to ${where}`,
  );
}

const TO_GRPC_STATUS: Partial<Readonly<Record<ErrorCode, GrpcStatusName>>> = {
  ERR_ABORTED: 'CANCELLED',
  ERR_CLOSED: 'UNAVAILABLE',
  ERR_CONNECT: 'UNAVAILABLE',
  ERR_DRAINING: 'UNAVAILABLE',
  ERR_HANDLER: 'INTERNAL',
  ERR_MESSAGE_TOO_LARGE: 'RESOURCE_EXHAUSTED',
  ERR_OVERLOADED: 'RESOURCE_EXHAUSTED',
  ERR_PROTOCOL: 'INVALID_ARGUMENT',
  ERR_REFUSED: 'PERMISSION_DENIED',
  ERR_TIMEOUT: 'DEADLINE_EXCEEDED',
  ERR_UNAUTHORIZED: 'UNAUTHENTICATED',
  ERR_UNSUPPORTED: 'UNIMPLEMENTED',
  ERR_VERSION_MISMATCH: 'FAILED_PRECONDITION',
};

/** The gRPC status that tells a peer about `error`. */
export function toGrpcStatus(error: AgentwireError | undefined): number {
  return error === undefined ? GRPC_STATUS.OK : GRPC_STATUS[TO_GRPC_STATUS[error.code] ?? 'UNKNOWN'];
}

/** `grpc-message` of `error`: only what is not printable ASCII, and the percent sign, is encoded. */
export function toGrpcMessage(error: AgentwireError): string {
  const bytes = Buffer.from(error.message.slice(0, 1024).toWellFormed());
  let text = '';
  for (const byte of bytes) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    text += plain ? String.fromCodePoint(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return text;
}

/** The HTTP/2 code that a RST_STREAM tells a peer about `error`. */
export function toHttp2Code(error: AgentwireError | undefined): number {
  if (error?.code === 'ERR_PROTOCOL') return constants.NGHTTP2_PROTOCOL_ERROR;
  if (error?.code === 'ERR_OVERLOADED' || error?.code === 'ERR_MESSAGE_TOO_LARGE') {
    return constants.NGHTTP2_ENHANCE_YOUR_CALM;
  }
  return constants.NGHTTP2_CANCEL;
}
