import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const TOP = fileURLToPath(new URL('../..', import.meta.url));

test('a relative link of a page leads to a file', () => {
  const pages = execFileSync('git', ['ls-files', '-z', '*.md'], { cwd: TOP, encoding: 'utf8' }).split('\0');
  const broken = pages.filter(Boolean).flatMap((page) => {
    const links = readFileSync(join(TOP, page), 'utf8').matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)/g);
    return [...links]
      .map(([, target = '']) => target)
      .filter((target) => !existsSync(join(TOP, dirname(page), target)))
      .map((target) => `${page}: ${target}`);
  });
  expect(pages.length).toBeGreaterThan(20);
  expect(broken).toEqual([]);
});

test('the table of packages in README.md has a row for each package', () => {
  const rows = [...readFileSync(join(TOP, 'README.md'), 'utf8').matchAll(/^\| \[`[^`]+`\]\(packages\/([\w-]+)\)/gm)];
  expect(rows.map(([, folder = '']) => folder).toSorted()).toEqual(readdirSync(join(TOP, 'packages')).toSorted());
});
