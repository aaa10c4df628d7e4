import type { Capabilities, Connection, Peer } from '@agentwire/core';

/** Registration of an agent that connected by itself. */
export interface Registration {
  /** Id that it registered with, which its token or certificate proves. */
  readonly agentId: string;
  /** Name that it gives itself; only for logs. */
  readonly name: string;
  readonly version: string;
  readonly capabilities: Capabilities | undefined;
}

/** Id of a peer: that of its capabilities, else its name. */
export const idOf = (peer: Pick<Peer, 'name' | 'capabilities'>): string => peer.capabilities?.agentId ?? peer.name;

export function registrationOf({ peer }: Connection): Registration {
  return { agentId: idOf(peer), name: peer.name, version: peer.version, capabilities: peer.capabilities };
}
