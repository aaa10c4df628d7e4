import { ALLOW, type Connection } from '@agentwire/core';
import { AgentSessionCore } from '@agentwire/core/session/internal';
import { createUdsTransport } from '@agentwire/transport-uds';
import { expect, onTestFinished, test } from 'vitest';
import { agentHello, Notes, proxyHello, temporaryFolder } from './fixtures.ts';
import { DOCUMENTED_REQUEST, frame, rawListener, RawPeer, ZENTINEL_REQUEST } from './raw-peer.ts';

async function peerOfAgent(request: Buffer): Promise<RawPeer> {
  const address = `unix:${temporaryFolder()}/a.sock`;
  const listener = await createUdsTransport().listen(address, {
    self: agentHello,
    onConnection: (connection) => new AgentSessionCore(connection, { onEvent: () => ALLOW }, { keepalive: false }),
  });
  const peer = await RawPeer.dial(address);
  onTestFinished(async () => {
    peer.socket.destroy();
    await listener.close();
  });
  peer.socket.write(request);
  await peer.frame();
  return peer;
}

test.each([
  ['zentinel', ZENTINEL_REQUEST, 0x41, 0x42],
  ['documented', DOCUMENTED_REQUEST, 0xf0, 0xf1],
])('a ping is echoed byte for byte, whatever it holds (%s)', async (_, request, ping, pong) => {
  const peer = await peerOfAgent(request);
  const payloads = [
    '{"sequence":7,"timestamp_ms":1700000000000}',
    '{"timestamp_ms":1,"sequence":0,"x":[1]}',
    '',
    '{}',
    '{"sequence":18446744073709551615,"timestamp_ms":1}',
    '{"sequence":9007199254740993,"timestamp_ms":9007199254740993}',
    'no json at all',
    '{"sequence":7,"timestamp_ms":1700000000000}',
  ];
  for (const payload of payloads) peer.socket.write(frame(ping, payload));
  for (const payload of payloads) expect(await peer.frame()).toEqual({ type: pong, text: payload });
});

test('what acts on a terminal is escaped in the name of a peer', async () => {
  const address = `unix:${temporaryFolder()}/a.sock`;
  await rawListener(address, ({ socket }) => {
    socket.once('data', () =>
      socket.write(
        frame(0x02, JSON.stringify({ protocol_version: 2, agent_name: '\u001b[2Jw\u202ea\nf', capabilities: {} })),
      ),
    );
  });
  const notes = new Notes();
  let connection: Connection | undefined;
  try {
    connection = await createUdsTransport().connect(address, { self: proxyHello, onConnection: notes.onConnection });
    expect(connection.peer.name).toBe('\\u{1b}[2Jw\\u{202e}a\\u{a}f');
  } finally {
    connection?.abort();
  }
});

test('a refusal that is longer than a name may be keeps its reason', async () => {
  const address = `unix:${temporaryFolder()}/a.sock`;
  await rawListener(address, ({ socket }) => {
    socket.once('data', () =>
      socket.end(
        frame(0x02, JSON.stringify({ success: false, protocol_version: 2, error: `it is full${'!'.repeat(3_000)}` })),
      ),
    );
  });
  const dialled = createUdsTransport().connect(address, { self: proxyHello, onConnection: new Notes().onConnection });
  await expect(dialled).rejects.toThrow(/refused by the other side: it is full!/);
});
