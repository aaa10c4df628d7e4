import { expect, test } from 'vitest';
import { createUdsTransport } from '@agentwire/transport-uds';
import { agentHello, Notes, proxyHello, temporaryFolder } from './fixtures.ts';

test('a proxy dials an agent and both agree', async () => {
  const address = `unix:${temporaryFolder()}/a.sock`;
  const transport = createUdsTransport();
  const agent = new Notes();
  const proxy = new Notes();
  await using listener = await transport.listen(address, { self: agentHello, onConnection: agent.onConnection });
  const connection = await transport.connect(address, { self: proxyHello, onConnection: proxy.onConnection });
  expect(listener.address).toBe(address);
  expect(listener.connectionCount).toBe(1);
  expect(connection.peer).toMatchObject({ name: 'test-agent', dialect: 'documented', encoding: 'msgpack' });
  expect(agent.connection?.peer).toMatchObject({ name: 'test-proxy', version: '1.2.3', encoding: 'msgpack' });
  connection.send({ type: 'ping', sequence: 1, timestampMs: 2 });
  await agent.received(1);
  expect(agent.messages).toEqual([{ type: 'ping', sequence: 1, timestampMs: 2 }]);
  await connection.close();
  expect(proxy.reasons).toEqual([{ by: 'local' }]);
  expect(await agent.closed).toEqual({ by: 'remote' });
  expect(listener.connectionCount).toBe(0);
});
