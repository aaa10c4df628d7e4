import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { hasServer, startServer, unlessServer } from './server.ts';

const root = join(import.meta.dirname, '..');

/** The first sample of a page, and what it prints. */
const PAGES = [
  ['README.md', "{ kind: 'text', text: 'hello here' }\n"],
  ['../../docs/a2a.md', "{ kind: 'json', value: { price: 7 } }\n{ kind: 'text', text: 'tea' }\n"],
] as const;

it.skipIf(!hasServer).each(PAGES)(
  `the first sample of %s runs and prints what it says${unlessServer}`,
  { timeout: 30_000 },
  async (page, printed) => {
    const code = /```ts\n(.*?)```/s.exec(readFileSync(join(root, page), 'utf8'))?.[1] ?? '';
    const folder = mkdtempSync(join(root, 'test', '.readme-'));
    const server = await startServer();
    try {
      const file = join(folder, 'example.ts');
      writeFileSync(file, code);
      const { stdout, stderr } = spawnSync(process.execPath, ['--conditions=@agentwire/source', file], {
        encoding: 'utf8',
        env: { ...process.env, NATS_URL: server.url },
      });
      expect(stdout, stderr).toBe(printed);
    } finally {
      rmSync(folder, { recursive: true });
      await server.stop();
    }
  },
);
