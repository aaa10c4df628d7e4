import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { expect, it } from 'vitest';

it('the example of the README runs', () => {
  const folder = fileURLToPath(new URL('..', import.meta.url));
  const source = /```ts\n(.*?)```/s.exec(readFileSync(`${folder}/README.md`, 'utf8'))?.[1] ?? '';
  // A package finds itself by its name from inside its own folder.
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
