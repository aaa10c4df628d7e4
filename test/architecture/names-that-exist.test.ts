import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const TOP = fileURLToPath(new URL('../..', import.meta.url));
const tracked = (...patterns: string[]): string[] =>
  execFileSync('git', ['ls-files', '-z', ...patterns], { cwd: TOP, encoding: 'utf8' })
    .split('\0')
    .filter(Boolean);

test('a package that is named in a page or a doc comment exists', () => {
  const names = tracked('package.json', '*/package.json').map(
    (path) => (JSON.parse(readFileSync(`${TOP}/${path}`, 'utf8')) as { readonly name: string }).name,
  );
  // the condition under which packages resolve to their source
  const known = new Set([...names, '@agentwire/source']);
  const unknown = tracked('*.md', 'packages/*/src/*.ts').flatMap((path) => {
    const text = readFileSync(`${TOP}/${path}`, 'utf8');
    const named = text.match(/@agentwire\/[a-z0-9-]+/g) ?? [];
    return named.filter((name) => !known.has(name)).map((name) => `${path}: ${name}`);
  });
  expect(names.length).toBeGreaterThan(10);
  expect(unknown).toEqual([]);
});
