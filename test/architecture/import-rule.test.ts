import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const packagesDir = join(root, 'packages');

interface Edges {
  readonly sees: 'everything' | ReadonlySet<string>;
  readonly outside: ReadonlySet<string>;
}

/** The table of ARCHITECTURE.md. */
function readTable(): Map<string, Edges> {
  const rows = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8').matchAll(
    /^\| `([\w-]+)`\s+\| (.*?)\s+\| (.*?)\s+\|$/gm,
  );
  const names = (cell: string): Set<string> => new Set([...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? ''));
  return new Map(
    [...rows].map(([, name = '', sees = '', outside = '']) => [
      name,
      { sees: sees === 'everything' ? sees : names(sees), outside: names(outside) },
    ]),
  );
}

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

const table = readTable();
const folders = readdirSync(packagesDir);
const manifest = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(packagesDir, folder, 'package.json'), 'utf8')) as Manifest;
const sources = (folder: string): string[] =>
  readdirSync(join(packagesDir, folder, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(packagesDir, folder, 'src', file));

/** Specifiers that a file imports, types too; comments and plain strings are ignored. */
function imports(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const found = text.matchAll(
    /(?:^|\n)\s*(?:import|export)\b[^;'"`]*?from\s*'([^']+)'|(?:^|\n)\s*import\s*'([^']+)'|\bimport\('([^']+)'\)/g,
  );
  return [...found].map(([, from, bare, dynamic]) => from ?? bare ?? dynamic ?? '');
}

/** The package that an import names: `@scope/name` or `name`. */
const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

function violation(folder: string, specifier: string): string | undefined {
  const edges = table.get(folder);
  const name = packageOf(specifier);
  if (edges === undefined) return `${folder} is not in the table`;
  if (specifier.startsWith('node:') || name === manifest(folder).name) return undefined;
  if (!name.startsWith('@agentwire/')) return edges.outside.has(name) ? undefined : `${folder} may not use ${name}`;
  if (edges.sees === 'everything' || edges.sees.has(name.slice('@agentwire/'.length))) return undefined;
  return `${folder} may not import ${name}`;
}

test('every package has its row, and every row its package', () => {
  expect([...table.keys()].toSorted()).toEqual(folders.toSorted());
});

describe.each(folders)('%s', (folder) => {
  test('depends on what the table allows', () => {
    const { dependencies = {}, peerDependencies = {} } = manifest(folder);
    const wrong = Object.keys({ ...dependencies, ...peerDependencies }).map((name) => violation(folder, name));
    expect(wrong.filter((one) => one !== undefined)).toEqual([]);
  });

  test('imports what the table allows, and depends on what it imports', () => {
    const { name: own, dependencies = {} } = manifest(folder);
    const wrong: string[] = [];
    for (const file of sources(folder)) {
      for (const specifier of imports(file)) {
        if (specifier.startsWith('.') || specifier.startsWith('node:')) continue;
        const bad = violation(folder, specifier);
        if (bad !== undefined) wrong.push(`${relative(root, file)}: ${bad}`);
        const name = packageOf(specifier);
        if (name !== own && !(name in dependencies)) wrong.push(`${relative(root, file)}: ${name} is not a dependency`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test('no file imports itself through others', () => {
    const files = new Set(sources(folder));
    const next = new Map(
      [...files].map((file) => [
        file,
        imports(file)
          .filter((one) => one.startsWith('.'))
          .map((one) => resolve(dirname(file), one)),
      ]),
    );
    for (const [file, targets] of next)
      for (const target of targets) expect(files, `${relative(root, file)} imports ${target}`).toContain(target);
    const state = new Map<string, 'open' | 'done'>();
    const cycles: string[] = [];
    const walk = (file: string, path: readonly string[]): void => {
      if (state.get(file) === 'done') return;
      if (state.get(file) === 'open') {
        cycles.push([...path.slice(path.indexOf(file)), file].map((one) => relative(packagesDir, one)).join(' → '));
        return;
      }
      state.set(file, 'open');
      for (const target of next.get(file) ?? []) walk(target, [...path, file]);
      state.set(file, 'done');
    };
    for (const file of files) walk(file, []);
    expect(cycles).toEqual([]);
  });
});

test('the packages themselves have no cycle', () => {
  const order: string[] = [];
  const open = new Set<string>();
  const visit = (folder: string): void => {
    if (order.includes(folder)) return;
    expect(open, `${folder} depends on itself`).not.toContain(folder);
    open.add(folder);
    for (const name of Object.keys(manifest(folder).dependencies ?? {})) {
      if (name.startsWith('@agentwire/')) visit(name.slice('@agentwire/'.length));
    }
    order.push(folder);
  };
  for (const folder of folders) visit(folder);
  expect(order).toHaveLength(folders.length);
});
