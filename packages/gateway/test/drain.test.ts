import type { RequestListener } from 'node:http';
import { connect } from 'node:net';
import { createManualClock } from '@agentwire/core/testing';
import { expect, test } from 'vitest';
import { rawClient, type RawClient } from './raw-client.ts';
import { setup } from './setup.ts';

const GET = 'GET / HTTP/1.1\r\nhost: h\r\n\r\n';
const short: RequestListener = (_request, response) => void response.end('whole');

/** Asks again and again on one connection until an answer ends it. @returns requests sent */
async function askOn(client: RawClient): Promise<number> {
  for (let sent = 1; ; sent += 1) {
    client.send(GET);
    await client.until(new RegExp(`(?:whole[^]*){${sent}}$`));
    if (/connection: close/i.test(client.text)) return sent;
  }
}

test('a drain under load cuts nothing: each request is answered, the last of each connection has connection: close', async () => {
  const clock = createManualClock();
  const { url, gateway } = await setup({}, { clock }, short);
  const busy = await Promise.all(Array.from({ length: 20 }, () => rawClient(url)));
  const asking = busy.map((client) => askOn(client));
  await Promise.all(busy.map((client) => client.until(/whole/)));
  const drained = gateway.drain();
  const sent = await Promise.all(asking);
  for (const [at, client] of busy.entries()) {
    const text = await client.closed();
    expect(text.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(sent[at] ?? 0);
    expect(text.match(/connection: close/gi)).toHaveLength(1);
    expect(text.endsWith('whole')).toBe(true);
  }
  await drained;
  expect(gateway.stats.active).toBe(0);
});

test('connections that the system accepted before a drain are answered, and later ones refused', async () => {
  const { url, gateway } = await setup({}, { drainIdleMs: 400 }, short);
  const port = Number(new URL(url).port);
  // the system takes these before the gateway can
  const waiting = Array.from({ length: 20 }, () => connect(port, '127.0.0.1'));
  const drained = gateway.drain();
  const answers = waiting.map(async (socket) => {
    let text = '';
    socket.setEncoding('latin1').write(GET);
    try {
      for await (const part of socket) text += part as string;
    } catch (error) {
      text += (error as Error).message;
    }
    return text;
  });
  for (const answer of await Promise.all(answers)) expect(answer).toMatch(/200 OK[^]*connection: close[^]*whole$/i);
  await drained;
  const late = connect(port, '127.0.0.1');
  const refused = await new Promise((resolve) => late.once('error', resolve));
  expect(refused).toMatchObject({ code: 'ECONNREFUSED' });
});

test('an idle connection stays open for drainIdleMs; a request that comes meanwhile is answered', async () => {
  const clock = createManualClock();
  const { url, gateway } = await setup({}, { clock, drainIdleMs: 400 }, short);
  const [idle, late, fresh] = [await rawClient(url), await rawClient(url), await rawClient(url)];
  for (const client of [idle, late]) {
    client.send(GET);
    await client.until(/whole$/);
  }
  const drained = gateway.drain();
  clock.advance(399);
  late.send(GET);
  expect(await late.closed()).toMatch(/whole[^]*200 OK[^]*connection: close[^]*whole$/i);
  expect([idle.socket.closed, fresh.socket.closed]).toEqual([false, false]);
  clock.advance(400);
  await Promise.all([idle.closed(), fresh.closed(), drained]);
});

test('a download that takes longer ends whole, its connection after it; pipelined requests are all answered', async () => {
  const clock = createManualClock();
  let finish = (): void => undefined;
  const { url, gateway } = await setup({}, { clock, drainIdleMs: 400 }, (request, response) => {
    if (request.url !== '/slow') return short(request, response);
    response.write('begin ');
    finish = () => response.end('whole');
  });
  const [slow, piped] = [await rawClient(url), await rawClient(url)];
  slow.send('GET /slow HTTP/1.1\r\nhost: h\r\n\r\n');
  await slow.until(/begin/);
  const drained = gateway.drain();
  piped.send(GET + GET + GET);
  const text = await piped.closed();
  expect([text.match(/whole/g)?.length, text.match(/connection: close/gi)?.length]).toEqual([3, 1]);
  clock.advance(10_000);
  expect(slow.socket.closed).toBe(false);
  finish();
  await slow.until(/whole/);
  clock.advance(1_000);
  await Promise.all([slow.closed(), drained]);
});

test('past its time a drain cuts the rest, and not before', async () => {
  const clock = createManualClock();
  const arrived = Promise.withResolvers<void>();
  const { url, gateway } = await setup({}, { clock, drainTimeoutMs: 5_000 }, () => arrived.resolve());
  const client = await rawClient(url);
  client.send(GET);
  await arrived.promise;
  const drained = gateway.drain();
  clock.advance(4_999);
  await new Promise((resolve) => setImmediate(resolve));
  expect(client.socket.closed).toBe(false);
  clock.advance(1);
  await Promise.all([client.closed(), drained]);
  await expect(gateway.drain({ timeout: 1 } as never)).rejects.toThrow('drain has no option "timeout"');
});
