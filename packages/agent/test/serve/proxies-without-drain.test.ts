import { expect, test } from 'vitest';
import { allow, defineAgent } from '../../src/index.ts';
import { connectRawProxy, iteration } from './raw-proxy.ts';

const agent = defineAgent({ name: 'a', version: '1', onRequestHeaders: () => allow() });

test('a proxy that knows no drain is answered until nothing has arrived for a second, then dropped', async () => {
  const { clock, server, socket, send, received, types } = await connectRawProxy(agent);
  send(1);
  await received(2);
  const gone = new Promise((resolve) => socket.once('close', resolve));
  let ended = false;
  const closing = server.close().then(() => (ended = true));
  for (let late = 0; late < 5; late += 1) {
    await iteration();
    clock.advance(250);
    await iteration();
    clock.advance(250);
    send(10 + late);
    await received(types.length + 1);
  }
  expect(ended).toBe(false);
  for (let looks = 0; looks < 5; looks += 1) {
    await iteration();
    clock.advance(250);
  }
  await closing;
  socket.end();
  await gone;
});

test('a proxy that never stops asking is dropped after drainTimeoutMs', async () => {
  const { clock, server, send, received, types } = await connectRawProxy(agent);
  send(1);
  await received(2);
  let ended = false;
  const closing = server.close().then(() => (ended = true));
  for (let late = 0; late < 79; late += 1) {
    send(10 + late);
    await received(types.length + 1);
    await iteration();
    clock.advance(250);
  }
  expect(ended).toBe(false);
  clock.advance(250);
  await closing;
});
