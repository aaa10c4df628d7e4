import { HeaderMap } from '@agentwire/headers';
import type { OwnResponse } from './own-response.ts';

/** Status of a gRPC call for an HTTP status (as Envoy and the gRPC libraries map them); any other is 2, UNKNOWN. */
const STATUS: Readonly<Record<number, number>> = {
  400: 13,
  401: 16,
  403: 7,
  404: 12,
  429: 14,
  502: 14,
  503: 14,
  504: 14,
};

const UNKNOWN = 2;

/** Longest message, in characters: it is a header. */
const MESSAGE_CHARACTERS = 1_024;

/** Encodes a message as `grpc-message` has it: percent-encoded UTF-8. */
function encodeMessage(text: string): string {
  const cut = text.trim().slice(0, MESSAGE_CHARACTERS).trimEnd().toWellFormed();
  return cut.replaceAll(/[^ -$&-~]+/g, (part) =>
    Array.from(Buffer.from(part), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}

/**
 * Returns an answer as a gRPC client understands it: 200 with `grpc-status` and the body as `grpc-message`, in one head. A
 * `grpc-status` or `grpc-message` that an agent has set stays.
 */
export function grpcAnswer({ status, headers, body, close }: OwnResponse): OwnResponse {
  const map = new HeaderMap(headers).set('content-type', 'application/grpc');
  map.delete('content-length');
  if (map.get('grpc-status') === undefined) map.set('grpc-status', String(STATUS[status] ?? UNKNOWN));
  const message = encodeMessage(body);
  if (message !== '' && map.get('grpc-message') === undefined) map.set('grpc-message', message);
  return { status: 200, headers: map.toRaw() as string[], body: '', ...(close !== undefined && { close }) };
}
