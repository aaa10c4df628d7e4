import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

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
