import type { Connection, ConnectionHandler } from '@agentwire/core';
import { AGENT_HELLO, announce, readProgramArguments } from './program.ts';

// An agent that sends pings for as long as its connection is open, and answers nothing.

const { transport, address } = readProgramArguments();
const AT_ONCE = 200;

function pingOn(connection: Connection): ConnectionHandler {
  let sequence = 0;
  const more = (): void => {
    for (let at = 0; at < AT_ONCE && connection.status === 'open'; at++) {
      sequence += 1;
      if (!connection.send({ type: 'ping', sequence, timestampMs: sequence })) return;
    }
    if (connection.status === 'open') setImmediate(more);
  };
  setImmediate(more);
  return { onMessage: () => undefined, onDrain: more, onClose: () => undefined };
}

const listener = await transport.listen(address, { self: AGENT_HELLO, onConnection: pingOn });
announce(listener.address);
