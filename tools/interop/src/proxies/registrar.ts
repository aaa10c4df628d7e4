import { connect, type Socket } from 'node:net';
import { REVERSE_TOKEN } from './crate-proxy.ts';

// The crate has no agent that registers, only the listener for such agents and an agent's server. So its server is put behind
// a relay that opens both ends: it makes the handshake of a proxy with the agent, and registers at the other end with what the
// agent answered. After that both are on one connection and say what they say anywhere.

const HANDSHAKE = 0x01;

function frame(payload: object): Buffer {
  const body = Buffer.from(JSON.stringify(payload));
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length + 1);
  head[4] = HANDSHAKE;
  return Buffer.concat([head, body]);
}

/** Sends a frame and reads the one that answers. */
async function ask(socket: Socket, payload: object): Promise<Record<string, unknown>> {
  socket.write(frame(payload));
  let read = Buffer.alloc(0);
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    read = Buffer.concat([read, chunk as Buffer]);
    if (read.length >= 4 && read.length >= 4 + read.readUInt32BE()) break;
  }
  return JSON.parse(read.subarray(5).toString()) as Record<string, unknown>;
}

async function join(agentPath: string, proxyPath: string, encoding: string): Promise<Socket> {
  const agent = connect(agentPath);
  const { capabilities } = await ask(agent, {
    supported_versions: [2],
    proxy_id: 'registrar',
    proxy_version: '1',
    config: null,
    supported_encodings: [encoding],
  });
  const proxy = connect(proxyPath);
  const answer = await ask(proxy, {
    protocol_version: 2,
    agent_id: 'reference',
    capabilities,
    auth_token: REVERSE_TOKEN,
    supported_encodings: [encoding],
  });
  if (answer['success'] !== true) throw new Error(`the registration was refused: ${String(answer['error'])}`);
  for (const [from, to] of [
    [agent, proxy],
    [proxy, agent],
  ] as const) {
    from.on('error', () => to.destroy()).on('close', () => to.destroy());
    from.pipe(to);
  }
  return proxy;
}

/** Keeps `connections` connections of an agent's server open to a proxy, until the result is called. */
export async function registerFor(
  agentPath: string,
  proxyPath: string,
  encoding: string,
  connections: number,
): Promise<() => void> {
  let over = false;
  const open = new Set<Socket>();
  const keep = async (): Promise<void> => {
    if (over) return;
    const socket = await join(agentPath, proxyPath, encoding);
    open.add(socket);
    socket.once('close', () => {
      open.delete(socket);
      keep().catch(() => undefined);
    });
  };
  await Promise.all(Array.from({ length: connections }, keep));
  return () => {
    over = true;
    for (const socket of open) socket.destroy();
  };
}
