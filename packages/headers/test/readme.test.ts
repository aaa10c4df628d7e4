import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

const home = fileURLToPath(new URL('..', import.meta.url));

test('runs the example of the README', () => {
  const example = /```ts\n(.*?)```/s.exec(readFileSync(`${home}README.md`, 'utf8'))?.[1] ?? '';
  const flags = ['--conditions=@agentwire/source', '--input-type=module-typescript', '--eval', example];
  const output = execFileSync(process.execPath, flags, { cwd: home, encoding: 'utf8' });
  expect(output).toBe("content-type\n[ 'Host', 'example.com', 'X-Real-IP', '192.0.2.1', 'x-waf', 'pass' ]\n");
});
