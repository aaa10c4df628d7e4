import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectSession } from '@agentwire/core/session';
import { createUdsTransport } from '@agentwire/transport-uds';
import { expect, test } from 'vitest';
import type { AgentServer } from '../src/index.ts';
import { head } from './events.ts';

test('the example of the README blocks and allows over a Unix socket', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const code = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  const folder = await mkdtemp(join(tmpdir(), 'aw-readme-'));
  const file = new URL(`./readme-example-${process.pid}.ts`, import.meta.url);
  try {
    await writeFile(file, `${code.replace('/tmp/waf.sock', join(folder, 'waf.sock'))}\nexport default server;\n`);
    const { default: server } = (await import(file.href)) as { default: AgentServer };
    const self = {
      role: 'proxy',
      name: 'p',
      version: '1',
      features: ['errors'],
      encodings: ['msgpack', 'json'],
    } as const;
    const session = await connectSession(createUdsTransport(), server.endpoints[0] ?? '', { self });
    const { id: _, ...event } = head(1, { hasBody: false });
    expect((await session.request({ ...event, uri: '/%61dmin' })).verdict).toMatchObject({
      type: 'block',
      status: 403,
    });
    expect((await session.request(event)).requestHeaders).toEqual([{ op: 'set', name: 'x-waf', value: 'pass' }]);
    await session.close();
    await server.close();
  } finally {
    await rm(file, { force: true });
    await rm(folder, { recursive: true, force: true });
  }
});
