import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { hasServer, startServer, unlessServer } from './server.ts';

const root = join(import.meta.dirname, '..');

function samplesOf(page: string): string[] {
  return [...readFileSync(join(root, page), 'utf8').matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code ?? '');
}

const IMPORTS = `
  import { createA2ARouter, payload, target } from '@agentwire/a2a-router';
  import { createNatsBackend } from '@agentwire/a2a-nats';
  const servers = process.env['NATS_URL'];`;

/** Programs around the samples of the pages, and what they print. */
const PROGRAMS: readonly (readonly [string, () => string, string])[] = [
  [
    'the first sample of docs/a2a.md',
    () => samplesOf('../../docs/a2a.md')[0] ?? '',
    "{ kind: 'json', value: { price: 7 } }\n{ kind: 'text', text: 'tea' }\n",
  ],
  ['the first sample of the README', () => samplesOf('README.md')[0] ?? '', "{ kind: 'text', text: 'hello here' }\n"],
  [
    'the sample of discovery',
    () => `${IMPORTS}
      ${samplesOf('README.md')[3]}
      await backend.close();`,
    'shop 1.4.0 []\n',
  ],
  [
    'the samples of durable and of delayed messages',
    () => {
      const [durable = '', delayed = ''] = samplesOf('README.md').slice(4);
      return `${IMPORTS}
        const desk = await createNatsBackend({ nodeId: 'desk', servers, durable: {} });
        const router = createA2ARouter({ backend: desk });
        const agent = router.register(router.processTable.insert({ agentId: 'agent' }));
        const order = { tea: 2 };
        const { promise: booked, resolve: book } = Promise.withResolvers();
        ${durable}
        console.log(await booked);
        const orders = target.remoteNode('shop', target.service('orders'));
        const reminder = { tea: 3 };
        {
          const backend = desk;
          ${delayed.replace('await backend.cancelDelayed', 'const isCancelled = await backend.cancelDelayed')}
          console.log(isCancelled);
        }
        await Promise.all([desk.close(), backend.close()]);`;
    },
    "{ kind: 'json', value: { tea: 2 } }\ntrue\n",
  ],
];

it('each sample of the README has a program', () => {
  expect(samplesOf('README.md')).toHaveLength(6);
});

it.skipIf(!hasServer).for(PROGRAMS)(
  `%s runs and prints what it says${unlessServer}`,
  { timeout: 30_000 },
  async ([, program, printed]) => {
    // Inside the package, so that it finds the package by its name.
    const folder = mkdtempSync(join(root, 'test', '.readme-'));
    const server = await startServer();
    try {
      const file = join(folder, 'example.ts');
      writeFileSync(file, program());
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

it.skipIf(!hasServer)(
  `the samples of permissions make a server and two nodes on it${unlessServer}`,
  { timeout: 30_000 },
  async () => {
    const folder = mkdtempSync(join(root, 'test', '.readme-'));
    const [, conf = '', nodes = ''] = samplesOf('README.md');
    const runs = (name: string, code: string, url = ''): { readonly stdout: string; readonly stderr: string } => {
      const file = join(folder, name);
      writeFileSync(file, code);
      return spawnSync(process.execPath, ['--conditions=@agentwire/source', file], {
        cwd: folder,
        encoding: 'utf8',
        env: { ...process.env, NATS_URL: url },
      });
    };
    expect(runs('conf.ts', conf)).toMatchObject({ stdout: '', stderr: '' });
    const text = readFileSync(join(folder, 'nats.conf'), 'utf8');
    // a test's server has a port and a folder of its own
    const server = await startServer(text.slice(text.indexOf('authorization')));
    try {
      const { stdout, stderr } = runs('nodes.ts', nodes, server.url);
      expect(stdout, stderr).toBe(
        "{ kind: 'json', value: { price: 7 } }\n{ kind: 'text', text: 'tea' }\nERR_UNAUTHORIZED\n",
      );
    } finally {
      rmSync(folder, { recursive: true });
      await server.stop();
    }
  },
);
