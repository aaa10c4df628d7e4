import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

const home = fileURLToPath(new URL('..', import.meta.url));

test('runs the example of the README', () => {
  const example = /```ts\n(.*?)```/s.exec(readFileSync(`${home}README.md`, 'utf8'))?.[1] ?? '';
  const flags = ['--conditions=@agentwire/source', '--input-type=module-typescript', '--eval', example];
  const output = execFileSync(process.execPath, flags, { cwd: home, encoding: 'utf8' });
  expect(output).toMatch(
    /^2097152 (true|false) 5647f05ec18958947d32874eeb788fa396a05d0bab7c1b71f112ceb7e9b31eee\n0\n$/,
  );
});
