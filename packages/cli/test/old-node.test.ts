import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const pretend = (version: string): string =>
  `data:text/javascript,Object.defineProperty(process.versions,'node',{value:'${version}'})`;

test.each(['../bin/agentwire.js', '../../agentwire/bin/agentwire.js'])(
  '%s tells an older Node what it needs before anything is imported',
  (bin) => {
    const file = fileURLToPath(new URL(bin, import.meta.url));
    for (const version of ['20.19.0', '22.17.1']) {
      const { status, stderr } = spawnSync(process.execPath, ['--import', pretend(version), file, 'help'], {
        encoding: 'utf8',
      });
      expect([status, stderr.split('\n', 1)[0]]).toEqual([
        1,
        `agentwire needs Node 22.18 or newer, this is ${version}`,
      ]);
      expect(stderr).toContain('npx --package=node@24');
    }
  },
);
