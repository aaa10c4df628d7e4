import { mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Relay } from '../src/relay/relay.ts';

test('a relay that an agent dials closes though the proxy has left a stalled link', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'aw-relay-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [here, target] = [join(folder, 'relay.sock'), join(folder, 'proxy.sock')];
  const proxy = createServer((socket) => void socket.on('error', () => undefined).resume());
  await new Promise<void>((resolve) => void proxy.listen(target, resolve));
  const relay = await Relay.open(`unix:${here}`, `unix:${target}`, { agent: 'rev-uds:/nowhere' });
  const connected = once(proxy, 'connection') as Promise<[Socket]>;
  const agent = connect(here);
  await connected;
  relay.last?.stall();
  const left = once(relay.last?.proxy as Socket, 'close');
  relay.last?.proxy.destroy();
  await left;
  expect(relay.links.size).toBe(1);
  const gone = once(agent.resume(), 'close');
  await relay.close();
  await gone;
  await new Promise((resolve) => void proxy.close(resolve));
});
