import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createManualClock } from '@agentwire/core/testing';
import { expect, test } from 'vitest';
import { exchange } from './raw-client.ts';
import { setup } from './setup.ts';

/** Address at which nothing listens. */
async function closedPort(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

type Line = Readonly<Record<string, unknown>>;

async function logged(targets: readonly string[]): Promise<{ lines: Line[]; advance: (ms: number) => void }> {
  const lines: Line[] = [];
  const note = (fields: object, message: string): void => void lines.push({ ...fields, message });
  const clock = createManualClock();
  const { url } = await setup({}, { clock, logger: { debug: note, info: note, warn: note, error: note } });
  for (const target of targets) await exchange(url, `GET ${target} HTTP/1.1\r\nhost: h\r\n\r\n`);
  return { lines, advance: (ms) => clock.advance(ms) };
}

test('requests that are refused for one reason are one line, and one more with their number', async () => {
  const { lines, advance } = await logged(Array.from({ length: 20 }, (_, at) => `/${at}#fragment`));
  expect(lines).toEqual([expect.objectContaining({ method: 'GET', path: '/0' })]);
  advance(10_000);
  expect(lines).toHaveLength(2);
  expect(lines[1]).toMatchObject({ repeats: 19 });
});

test.each([
  ['http://bob:hunter2@h/p', 'http://h/p'],
  ['ftp://bob:hunter2@h/p', 'ftp://h/p'],
  ['http://bob:hunter2/x@h/p', 'http://…'],
  ['http://bob:a@hunter2@h/p?q@r', 'http://h/p'],
])('user and password of %s are not in the log', async (target, path) => {
  const { lines } = await logged([target]);
  expect(lines).toEqual([expect.objectContaining({ path })]);
  expect(JSON.stringify(lines)).not.toMatch(/bob|hunter2/);
});

test('a request that could not be proxied names its route and the target; each target has a line', async () => {
  const lines: Line[] = [];
  const note = (fields: object, message: string): void => void lines.push({ ...fields, message });
  const targets = [await closedPort(), await closedPort()];
  const { url } = await setup(
    {},
    {
      upstream: undefined,
      upstreams: { app: { targets: targets.slice(0, 1) }, static: { targets: targets.slice(1) } },
      routes: [
        { name: 'files', pathPrefix: '/static', upstream: 'static' },
        { name: 'rest', upstream: 'app' },
      ],
      logger: { debug: note, info: note, warn: note, error: note },
    },
  );
  for (const path of ['/a', '/static/b', '/c'])
    await exchange(url, `GET ${path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n`);
  const failed = lines.filter(
    ({ message }) => message === 'a request could not be proxied: the upstream could not be reached: ECONNREFUSED',
  );
  expect(failed).toMatchObject([
    { path: '/a', route: 'rest', upstream: targets[0], code: 'ERR_CONNECT' },
    { path: '/static/b', route: 'files', upstream: targets[1], code: 'ERR_CONNECT' },
  ]);
});
