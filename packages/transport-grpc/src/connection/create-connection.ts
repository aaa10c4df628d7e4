import type { Http2Session } from 'node:http2';
import { negotiate, type Hello, type Peer } from '@agentwire/core';
import { createCodec } from '../codec/codec.ts';
import type { OtherSide } from '../handshake/hello-fields.ts';
import { mediumOf } from '../handshake/medium.ts';
import type { ResolvedGrpcOptions } from '../options.ts';
import { GrpcConnection, MADE_UP_ID } from './grpc-connection.ts';
import type { MessageStream } from './message-stream.ts';

/** What two sides agree on over gRPC. @throws AgentwireError as `negotiate`. */
export function negotiateOverGrpc(self: Hello, other: OtherSide, options: ResolvedGrpcOptions): Peer {
  return negotiate(
    self,
    other.hello,
    mediumOf(self.role, other.hello.name, other.isAgentwire, options.maxMessageBytes),
  );
}

let configures = 0;

/** Makes the connection of two sides that agreed. */
export function createConnection(
  self: Hello,
  other: OtherSide,
  peer: Peer,
  messages: MessageStream,
  session: Http2Session,
  options: ResolvedGrpcOptions,
  onEnded: () => void,
): GrpcConnection {
  const { clock, closeTimeoutMs, maxMessageBytes: maxReadBytes } = options;
  const codec = createCodec(self.role, {
    isAgentwire: other.isAgentwire,
    errors: peer.features.includes('errors'),
    nowMs: () => clock.wallNow(),
    configureId: () => `${MADE_UP_ID}${(configures += 1)}`,
  });
  return new GrpcConnection({
    role: self.role,
    peer,
    codec,
    messages,
    session,
    isAgentwire: other.isAgentwire,
    clock,
    closeTimeoutMs,
    maxReadBytes,
    onEnded,
  });
}
