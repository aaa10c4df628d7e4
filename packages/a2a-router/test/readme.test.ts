import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const samples = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/```ts\n(.*?)```/gs)].map(
  ([, code]) => code ?? '',
);

const TEAM = `
  import { createA2ARouter, createSupervisor, payload, target } from '@agentwire/a2a-router';
  const router = createA2ARouter();
  const [planner, worker] = ['planner', 'worker'].map((agentId) => router.register(router.processTable.insert({ agentId })));`;

/** Programs around the samples, and what they print. */
const PROGRAMS: readonly (readonly [string, (code: string) => string, string])[] = [
  ['of a request, as it stands', (code) => code, "{ kind: 'text', text: '4' }\n"],
  [
    'of a gate, as it stands',
    (code) => code,
    'ERR_CAPABILITY_DENIED the gate denied the message: only the lead deploys\n',
  ],
  [
    'of a stream',
    (code) => {
      const [asker, writer] = code.split('// the worker');
      return `${TEAM}
        const show = console.log;
        void worker.inbox.receive().then(async (message) => { ${writer} });
        ${asker}`;
    },
    "{ kind: 'text', text: 'step 1' }\n",
  ],
  [
    'of a contract',
    (code) => `
      import { z } from 'zod';
      ${TEAM}
      void worker.serve(() => payload.json(3));
      ${code.replace('await planner', 'const answer = await planner')}
      console.log(answer.payload);
      const wrong = payload.json({ list: ['1'] });
      console.log(await planner.request(target.serviceMethod('math', 'sum'), wrong).catch(({ code }) => code));`,
    "{ kind: 'json', value: 3 }\nERR_INVALID_ARGUMENT\n",
  ],
  [
    'of a supervisor',
    (code) => `${TEAM}
      let starts = 0;
      let started;
      const twice = new Promise((resolve) => (started = resolve));
      const work = async () => { if ((starts += 1) === 1) throw new Error('once'); started(); await new Promise(() => {}); };
      ${code}
      await twice;
      console.log(starts, supervisor !== undefined);
      process.exit();`,
    '2 true\n',
  ],
  [
    'of a chain in a file',
    (code) => `
      const key = new Uint8Array(32).fill(1);
      let head;
      const keepElsewhere = (one) => { head = one; };
      ${code.replace('// …', "await chain.append('test', 'event', { n: 1 }); await chain.close();")}
      console.log(report.ok, report.entries, router.inboxCount);`,
    'true 2 0\n',
  ],
];

it('the first sample has ten lines at most, and each sample has a program', () => {
  expect(samples[0]?.split('\n').filter((line) => line.trim() !== '').length).toBeLessThanOrEqual(10);
  expect(samples).toHaveLength(PROGRAMS.length);
});

it.for(PROGRAMS.map((program, at) => [...program, at] as const))(
  'the sample %s runs and prints what it says',
  { timeout: 30_000 },
  ([, around, printed, at]) => {
    // Inside the package, so that it finds the package by its name.
    const folder = mkdtempSync(join(root, 'test', '.readme-'));
    try {
      const file = join(folder, 'example.ts');
      writeFileSync(file, around(samples[at] ?? ''));
      const { stdout, stderr } = spawnSync(process.execPath, ['--conditions=@agentwire/source', file], {
        encoding: 'utf8',
        cwd: folder,
      });
      expect(stdout, stderr).toBe(printed);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
