import { execSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const TOP = fileURLToPath(new URL('../..', import.meta.url));

const files = execSync('git ls-files "packages/*/src/*.ts" "packages/*/src/**/*.ts"', { cwd: TOP, encoding: 'utf8' })
  .trim()
  .split('\n')
  // implementations of documented methods are not checked, and neither are the kit's cases
  .filter((path) => !path.includes('/generated/') && !path.includes('/src/cases/'));

/** Beginning of an exported function, or of a method that is not private. */
const FUNCTION = /^(?:export (?:async )?function\*? (\w+)| {2}(?:static |async )*\*?([a-z]\w*)(?:<.*>)?\(.*)/;
const STATEMENT = /^(?:if|for|while|switch|return|super|catch|constructor)$/;

interface Declared {
  readonly line: number;
  readonly name: string;
  readonly doc: string;
  readonly body: readonly string[];
}

/** Finds the functions and methods of a formatted file by their indentation. */
function declaredIn(text: string): Declared[] {
  const lines = text.split('\n');
  return lines.flatMap((line, at) => {
    const [, exported, method] = FUNCTION.exec(line) ?? [];
    const name = exported ?? method;
    if (name === undefined || STATEMENT.test(name)) return [];
    const indent = exported === undefined ? '  ' : '';
    // the signature ends with the first line at its indentation that opens a block; a call ends with a semicolon
    const opens = lines.findIndex(
      (one, index) =>
        index >= at &&
        /^(?:export| {2}\S|\}| {2}\})/.test(one) &&
        /[{;,]$/.test(one) &&
        (index > at || /[{;,]$/.test(line)),
    );
    if (opens === -1 || !(lines[opens] ?? '').endsWith('{')) return [];
    const closes = lines.findIndex((one, index) => index > opens && one === `${indent}}`);
    let first = at;
    if ((lines[at - 1] ?? '').trimEnd().endsWith('*/')) {
      first = at - 1;
      while (first > 0 && !(lines[first] ?? '').includes('/**')) first -= 1;
    }
    return [{ line: at + 1, name, doc: lines.slice(first, at).join(' '), body: lines.slice(opens + 1, closes) }];
  });
}

test('a function that throws an error of its own says so in its comment', () => {
  const silent = files.flatMap((path) =>
    declaredIn(readFileSync(`${TOP}/${path}`, 'utf8'))
      .filter(({ body }) => body.some((line) => /\bthrow new AgentwireError\b/.test(line)))
      // one without a comment implements a documented interface
      .filter(({ doc }) => doc !== '' && !/@throws|[Tt]hrows|[Rr]ejects/.test(doc))
      .map(({ line, name }) => `${path}:${line} ${name}`),
  );
  expect(silent).toEqual([]);
});
