import type { WorkloadEvent } from './workload.ts';

/** A request as both protobuf libraries take it: `RequestHeadersEvent` of the service's proto file. */
export interface ProtobufEvent {
  readonly metadata: Record<string, string | number | bigint>;
  readonly method: string;
  readonly uri: string;
  readonly httpVersion: string;
  readonly headers: { readonly name: string; readonly value: string }[];
}

/** Makes the protobuf shape of a request. @param timestampMs in the library's own kind of 64-bit integer */
export function protobufEvent(
  event: WorkloadEvent,
  correlationId: string,
  timestampMs: number | bigint,
): ProtobufEvent {
  const { metadata, method, uri, headers } = event;
  const lines: { name: string; value: string }[] = [];
  for (let i = 0; i < headers.length; i += 2) lines.push({ name: headers[i] ?? '', value: headers[i + 1] ?? '' });
  const { requestId, clientIp, clientPort, protocol } = metadata;
  const { serverName = '', tlsVersion = '', routeId = '', upstreamId = '' } = metadata;
  return {
    metadata: {
      correlationId,
      requestId,
      clientIp,
      clientPort,
      serverName,
      protocol,
      tlsVersion,
      routeId,
      upstreamId,
      timestampMs,
    },
    method,
    uri,
    httpVersion: protocol,
    headers: lines,
  };
}
