import { createManualClock } from '@agentwire/core/testing';
import { expect, test } from 'vitest';
import { exchange } from './raw-client.ts';
import { setup } from './setup.ts';

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
