import type { ClientRequest } from '../client-messages.ts';

/** Trailers that pass: see `trailers` of `GatewayOptions`. */
export type TrailerMode = 'none' | 'grpc' | 'response' | 'both';

/** Returns whether a request is a gRPC call, by its content type. */
export function isGrpc({ headers: { 'content-type': type } }: Pick<ClientRequest, 'headers'>): boolean {
  return type !== undefined && type.startsWith('application/grpc') && /^application\/grpc(?:[+;\s]|$)/.test(type);
}

/** Returns whether trailers of the response pass to the client. */
export function takesTrailers(request: ClientRequest, mode: TrailerMode): boolean {
  if (mode === 'none' || (mode === 'grpc' && !isGrpc(request))) return false;
  return request.httpVersionMajor === 2 || /(?:^|[,\s])trailers(?:$|[,;\s])/i.test(String(request.headers['te'] ?? ''));
}
