import { negotiate, type Hello, type Peer } from '@agentwire/core';

/** Longest message of version 1 that is sent, in bytes: 10 MiB, because the released crate drops peers that send more. */
export const MAX_MESSAGE_BYTES: number = 10 * 1024 * 1024;

const OTHER_SIDE: Omit<Hello, 'role'> = { name: 'version-1', version: '1', features: [], encodings: ['json'] };

/** Peer of version 1, which sends no hello: it knows only events and their answers. */
export function versionOnePeer(role: 'proxy' | 'agent'): Peer {
  const self: Hello = { ...OTHER_SIDE, role: role === 'proxy' ? 'agent' : 'proxy' };
  const peer = negotiate(
    self,
    { ...OTHER_SIDE, role },
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
