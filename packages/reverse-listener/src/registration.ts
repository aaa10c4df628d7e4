import type { Capabilities, Connection } from '@agentwire/core';
import { agentIdOf } from '@agentwire/core/internal';

/** Registration of an agent that connected by itself. */
export interface Registration {
  /** Id that it registered with, which its token or certificate proves. */
  readonly agentId: string;
  /** Name that it gives itself; only for logs. */
  readonly name: string;
  readonly version: string;
  readonly capabilities: Capabilities | undefined;
}

export function registrationOf({ peer }: Connection): Registration {
  return { agentId: agentIdOf(peer), name: peer.name, version: peer.version, capabilities: peer.capabilities };
}
