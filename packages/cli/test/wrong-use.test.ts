import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { Writable } from 'node:stream';
import { afterAll, expect, test } from 'vitest';
import { main } from '../src/main.ts';

function sink(): { readonly stream: Writable; readonly text: () => string } {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk.toString());
      done();
    },
  });
  return { stream, text: () => chunks.join('') };
}

const folder = mkdtempSync(`${tmpdir()}/aw-wu-`);
const empty = `${folder}/empty`;
writeFileSync(empty, '\n');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each<[string, string[]]>([
  ['--connections', ['bench', 'unix:/nobody.sock', '--connections', '0.2']],
  ['--in-flight', ['bench', 'unix:/nobody.sock', '--in-flight', '1.5']],
  ['--body', ['call', 'unix:/nobody.sock', '--body', `@${folder}/none`]],
  ['-H', ['call', 'unix:/nobody.sock', '-H', 'bad name: x']],
  ['--token-file', ['agent', 'waf', '--reverse', 'unix:/nobody.sock', '--token-file', `${folder}/none`]],
  ['--token-file', ['agent', 'waf', '--reverse', 'unix:/nobody.sock', '--token-file', empty]],
  ['--challenge-fallback', ['agent', 'waf', '--listen', 'unix:/nobody.sock', '--challenge-fallback', 'allow']],
  [
    '--token-file',
    ['gateway', '--upstream', 'http://127.0.0.1:1', '--reverse-listen', `unix:${folder}/r.sock`, '--token-file', empty],
  ],
])('%s of %j is wrong use: status 2, and a line that would be right', async (flag, args) => {
  const [out, err] = [sink(), sink()];
  expect(await main(args, { stdout: out.stream, stderr: err.stream })).toBe(2);
  expect(err.text()).toContain(flag);
  expect(err.text()).toContain('for example:');
  expect(out.text()).toBe('');
});
