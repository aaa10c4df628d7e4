import type { MediumTraits, MessageType, Role } from '@agentwire/core';
import { zentinelQuirks } from '@agentwire/core/internal';

/** What a tonic server takes where nobody changed it; one message over it ends the stream for everybody. */
const THIRD_PARTY_MAX_BYTES = 4 * 1024 * 1024;

const NEVER: Readonly<Record<Role, readonly MessageType[]>> = {
  proxy: ['cancelAll', 'drain', 'shutdown', 'configUpdateResponse', 'pong'],
  // AgentToProxy has no ping
  agent: ['ping', 'shutdown'],
};

/** Traits of a gRPC connection of `role` with a peer of that name. */
export function mediumOf(role: Role, name: string, isAgentwire: boolean, maxMessageBytes: number): MediumTraits {
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
