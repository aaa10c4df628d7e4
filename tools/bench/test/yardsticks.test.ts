import { expect, test } from 'vitest';
import { EventReader, eventText } from '../src/raw/hand-msgpack.ts';
import { loadStack } from '../src/stacks/index.ts';
import { eventOf } from '../src/stacks/workload.ts';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mkdtemp, rm } from 'node:fs/promises';

test('the yardstick by hand reads what it writes', () => {
  const reader = new EventReader();
  for (let n = 0; n < 64; n++) {
    const chunk = Buffer.from(`frame${eventText(eventOf(n))}`, 'latin1');
    expect(reader.read(chunk, 'frame'.length)).toEqual(eventOf(n));
  }
});

test.each([
  'json-frames',
  'grpc-js',
  'connect-node',
  'undici-http',
  'hand-msgpack',
  'uds-msgpack',
  'uds-json-varied',
  'zentinel-json',
  'grpc',
  'memory',
  'pool-uds-msgpack',
  'uds-msgpack-4',
])('%s answers many questions at once', async (name) => {
  const folder = await mkdtemp(join(tmpdir(), 'bench-'));
  const stack = await loadStack(name);
  const where = stack.place === 'tcp' ? '127.0.0.1:0' : `unix:${join(folder, 'a.sock')}`;
  const server = stack.place === 'memory' ? undefined : await stack.serve(where);
  const client = await stack.connect(server?.address ?? 'memory', 8);
  const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => client.ask(n)));
  expect(answers).toHaveLength(100);
  for (const answer of answers) expect(JSON.stringify(answer)).toContain('x-agent');
  await client.close();
  await server?.close();
  await rm(folder, { recursive: true });
});
