import { type Connection, EVENT_TYPES, type Transport } from '@agentwire/core';
import { type AgentPool, createAgentPool } from '@agentwire/pool';
import { ANSWER_TIMEOUT_MS, type Peer } from './peer.ts';

const AGENT = 'reference';

/** Our pool with its four connections to one agent. */
export async function connectPoolPeer(transport: Transport, address: string, encoding: string): Promise<Peer> {
  let first: Connection | undefined;
  const watched: Transport = {
    name: transport.name,
    schemes: transport.schemes,
    dials: transport.dials,
    listen: (at, options) => transport.listen(at, options),
    async connect(at, options) {
      const connection = await transport.connect(at, options);
      first ??= connection;
      return connection;
    },
  };
  const pool = createAgentPool({
    transports: [watched],
    requestTimeoutMs: ANSWER_TIMEOUT_MS,
    encodings: [encoding],
    name: 'interop',
  });
  await pool.addAgent(AGENT, address);
  if (first === undefined) {
    await pool.close();
    throw new Error(`the pool has no connection to ${address}`);
  }
  return poolPeer(pool, AGENT, first, () => pool.close());
}

/** A pool's agent as a peer. @param connection one of its connections @param close ends the peer */
export function poolPeer(pool: AgentPool, agent: string, connection: Connection, close: () => Promise<void>): Peer {
  const { name, capabilities, encoding: spoken } = connection.peer;
  return {
    handshake: {
      agent: name,
      events: (capabilities?.events ?? []).map((type) => EVENT_TYPES.indexOf(type) + 1),
      encoding: spoken,
    },
    get connected() {
      return pool.getHealth(agent).state !== 'disconnected';
    },
    ask: (id, event) => pool.request(agent, { ...event, id }),
    complete: (id, summary) => pool.sendRequestComplete(agent, { id, ...summary }),
    cancel: (id) => void pool.cancelRequest(agent, id),
    cancelAll: () => void pool.cancelAll(agent),
    // the pool has no ping to call: its sessions ping by themselves
    ping: () => Promise.resolve(),
    close,
  };
}
