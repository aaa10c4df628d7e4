import { negotiate, type Hello, type Peer } from '@agentwire/core';

/** Longest message of version 1 that is sent, in bytes: 10 MiB, because the released crate drops who sends it more. */
export const MAX_MESSAGE_BYTES: number = 10 * 1024 * 1024;

const STRANGER: Omit<Hello, 'role'> = { name: 'version-1', version: '1', features: [], encodings: ['json'] };

/** What is assumed of a peer of version 1: it says nothing of itself, and knows events and their answers alone. */
export function versionOnePeer(role: 'proxy' | 'agent'): Peer {
  const self: Hello = { ...STRANGER, role: role === 'proxy' ? 'agent' : 'proxy' };
  const peer = negotiate(
    self,
    { ...STRANGER, role },
    {
      dialect: 'zentinel',
      ids: 'text',
      encoding: 'json',
      maxMessageBytes: MAX_MESSAGE_BYTES,
      always: role === 'agent' ? ['requestComplete', 'webSocketFrame', 'guardrailInspect', 'configure'] : [],
      never: ['cancel', 'cancelAll', 'ping', 'pong'],
    },
  );
  return { ...peer, protocolVersions: [1] };
}
