import type { Http2Session } from 'node:http2';
import { negotiate, type Hello, type MediumTraits, type MessageType, type Peer, type Role } from '@agentwire/core';
import { zentinelQuirks } from '@agentwire/core/internal';
import { createCodec } from '../codec/codec.ts';
import type { OtherSide } from '../handshake/hello-fields.ts';
import type { ResolvedGrpcOptions } from '../options.ts';
import { GrpcConnection, MADE_UP_ID } from './grpc-connection.ts';
import type { MessageStream } from './message-stream.ts';

/** Default limit of a tonic server; one longer message ends the stream with all its requests. */
const THIRD_PARTY_MAX_BYTES = 4 * 1024 * 1024;

const NEVER: Readonly<Record<Role, readonly MessageType[]>> = {
  proxy: ['cancelAll', 'drain', 'shutdown', 'configUpdateResponse', 'pong'],
  // AgentToProxy has no ping
  agent: ['ping', 'shutdown'],
};

/** Traits of a gRPC connection of `role` with a peer of that name. */
function traitsOf(role: Role, name: string, isAgentwire: boolean, maxMessageBytes: number): MediumTraits {
  const common = { ids: 'text' as const, encoding: 'protobuf' };
  if (isAgentwire) return { ...common, dialect: 'documented', maxMessageBytes };
  return {
    ...common,
    dialect: 'zentinel',
    maxMessageBytes: Math.min(maxMessageBytes, THIRD_PARTY_MAX_BYTES),
    // a drain is a GOAWAY, which every HTTP/2 peer understands
    always: role === 'agent' ? ['drain'] : [],
    never: NEVER[role],
    quirks: role === 'agent' ? zentinelQuirks(name, 'grpc') : [],
  };
}

/** Negotiates a gRPC connection. @throws AgentwireError as `negotiate` */
export function negotiateOverGrpc(self: Hello, other: OtherSide, options: ResolvedGrpcOptions): Peer {
  return negotiate(
    self,
    other.hello,
    traitsOf(self.role, other.hello.name, other.isAgentwire, options.maxMessageBytes),
  );
}

let configures = 0;

/** Makes the connection after the negotiation. */
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
