import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

test('the example of the README runs', () => {
  const folder = fileURLToPath(new URL('..', import.meta.url));
  const source = /```ts\n(.*?)```/s.exec(readFileSync(`${folder}/README.md`, 'utf8'))?.[1] ?? '';
  // a package resolves its own name inside its folder only
  const place = `${folder}/test/.readme-${process.pid}.ts`;
  try {
    writeFileSync(place, source);
    const out = execFileSync(process.execPath, ['--conditions=@agentwire/source', place], { encoding: 'utf8' });
    expect(out).toContain('{"request_id":65537,"reason":"timeout"}');
    expect(out).toContain("verdict: { type: 'allow' }");
  } finally {
    rmSync(place, { force: true });
  }
});
