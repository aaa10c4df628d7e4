import type { RequestHeaders, RequestMetadata } from '@agentwire/core';

import type { WireFormat } from './wire-format.ts';
import { headers } from './header-codecs.ts';
import { id } from './id-codec.ts';
import type { MessageMapping } from './message-mapping.ts';
import { method, uri } from './request-line.ts';
import { bool, text, u16 } from './scalar-codecs.ts';
import { field, nullable, optional, struct, type Struct } from './struct.ts';
import { asObject, isWireObject, own } from './wire-object.ts';

/** Metadata of a request. */
const metadata: Struct<RequestMetadata> = struct<RequestMetadata>('metadata', {
  correlationId: field('correlation_id', text, { fallback: '' }),
  requestId: field('request_id', text, { fallback: '' }),
  clientIp: field('client_ip', text, { fallback: '' }),
  clientPort: field('client_port', u16, { fallback: 0 }),
  serverName: nullable('server_name', text),
  protocol: field('protocol', text, { fallback: 'HTTP/1.1' }),
  tlsVersion: nullable('tls_version', text),
  tlsCipher: nullable('tls_cipher', text),
  routeId: nullable('route_id', text),
  upstreamId: nullable('upstream_id', text),
  timestamp: field('timestamp', text, { fallback: '' }),
  traceparent: optional('traceparent', text),
});

const rows: Struct<Omit<RequestHeaders, 'type'>> = struct<Omit<RequestHeaders, 'type'>>('requestHeaders', {
  id: field('request_id', id, { zentinel: 'correlation_id' }),
  metadata: field('metadata', metadata),
  method: field('method', method),
  uri: field('uri', uri),
  headers: field('headers', headers),
  hasBody: optional('has_body', bool, { zentinel: null }),
});

/** Puts the id of the zentinel dialect into both places: the one inside `metadata` counts where both are present. */
function withOneId(wire: unknown, format: WireFormat): unknown {
  if (format.dialect === 'documented' || Array.isArray(wire)) return wire;
  const object = asObject(wire);
  const inner = object['metadata'];
  if (Array.isArray(inner)) {
    const [first, ...rest] = inner as unknown[];
    const one = first ?? own(object, 'correlation_id');
    return { ...object, correlation_id: one, metadata: [one, ...rest] };
  }
  if (!isWireObject(inner)) return object;
  const one = own(inner, 'correlation_id') ?? own(object, 'correlation_id');
  return { ...object, correlation_id: one, metadata: { ...inner, correlation_id: one } };
}

/** Replaces absent metadata by an empty object. */
function withMetadata(wire: unknown): unknown {
  if (!isWireObject(wire) || (own(wire, 'metadata') ?? undefined) !== undefined) return wire;
  return { ...wire, metadata: {} };
}

/** The head of a request. */
export const requestHeaders: MessageMapping<'requestHeaders'> = {
  type: 'requestHeaders',
  struct: rows,
  write(message, format) {
    const wire = rows.write(message, format);
    if (format.dialect === 'documented') return wire;
    (wire['metadata'] as Record<string, unknown>)['correlation_id'] = String(message.id);
    // the crate's MessagePack reader takes exactly one correlation id, the one in the metadata
    if (format.encoding === 'msgpack') delete wire['correlation_id'];
    return wire;
  },
  read: (wire, format) => ({ type: 'requestHeaders', ...rows.read(withMetadata(withOneId(wire, format)), format) }),
};
