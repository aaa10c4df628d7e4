import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ALLOW, type Transport } from '@agentwire/core';
import { connectSession, serveSessions } from '@agentwire/core/session';
import { expect, onTestFinished, test } from 'vitest';

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
// indentation, line breaks and the comma before a closing bracket are the formatter's, not the guide's
const normal = (code: string): string => code.replaceAll(/\s+/g, '').replaceAll(/,(?=[)\]}])/g, '');

const guide = read('../../../docs/writing-a-transport.md');
const blocks = [...guide.matchAll(/```ts file=(\S+) region=(\S+)\n(.*?)```/gs)].map(([, file, region, code]) => ({
  file,
  region,
  code,
}));

test('shows every region of the code', () => {
  const regions = ['worker-transport.ts', '../test/compliance.test.ts'].flatMap((file) =>
    [...read(`../src/${file}`).matchAll(/\/\/ #region (\S+)/g)].map(([, region]) => `${file} ${region}`),
  );
  expect(blocks.map(({ file, region }) => `${file} ${region}`).toSorted()).toEqual(regions.toSorted());
});

test.each(blocks)('shows $region of $file as it is', ({ file, region, code }) => {
  const source = new RegExp(`// #region ${region}\n(.*?)// #endregion`, 's').exec(read(`../src/${file}`))?.[1];
  expect(normal(code ?? '')).toBe(normal(source ?? 'missing'));
});

test('the module for the command line is a transport that connects', async () => {
  const [, code = ''] = /```ts\n(import \{ once \}[^]*?)```/.exec(guide) ?? [];
  // in a folder here, so that the imports are found
  const folder = mkdtempSync(fileURLToPath(new URL('plain-', import.meta.url)));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(`${folder}/plain.ts`, code);
  const { default: create } = (await import(/* @vite-ignore */ `${folder}/plain.ts`)) as {
    readonly default: (options: object) => Transport;
  };
  const transport = create({});
  const self = { name: 'guide', version: '1.0.0', features: [], encodings: ['msgpack'] };
  const address = `plain:${folder}/agent.sock`;
  const agent = await serveSessions(transport, address, { onEvent: () => ALLOW }, { self: { ...self, role: 'agent' } });
  const session = await connectSession(transport, address, { self: { ...self, role: 'proxy' } });
  expect(session.connection.peer.name).toBe('guide');
  await session.close();
  await agent.close();
});
