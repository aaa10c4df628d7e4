import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lastWords, runCommand } from './command.ts';
import type { Tarball } from './pack.ts';

/** An empty project with one of our packages installed. */
export interface Consumer {
  readonly folder: string;
  /** Bytes of the package as it was unpacked. */
  readonly unpackedBytes: number;
  /** Findings of the installation. */
  readonly findings: readonly string[];
}

const ours = (name: string): boolean => name === 'agentwire' || name.startsWith('@agentwire/');

function sizeOf(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    bytes += entry.isDirectory() ? sizeOf(path) : statSync(path).size;
  }
  return bytes;
}

/** Names of our packages that did not come from a tarball. */
function notFromTarballs(folder: string): string[] {
  const lock = JSON.parse(readFileSync(join(folder, 'node_modules/.package-lock.json'), 'utf8')) as {
    packages: Record<string, { resolved?: string }>;
  };
  return Object.entries(lock.packages)
    .map(([path, { resolved }]) => [path.split('node_modules/').at(-1) ?? '', resolved] as const)
    .filter(([name, resolved]) => ours(name) && resolved?.startsWith('file:') !== true)
    .map(([name]) => name);
}

/** Installs one tarball with npm; what it needs of ours comes from the other tarballs. */
export async function installAlone(tarball: Tarball, all: readonly Tarball[], folder: string): Promise<Consumer> {
  mkdirSync(folder, { recursive: true });
  const others = all.filter(({ name }) => name !== tarball.name);
  const manifest = {
    name: 'smoke',
    private: true,
    dependencies: { [tarball.name]: `file:${tarball.file}` },
    overrides: Object.fromEntries(others.map(({ name, file }) => [name, `file:${file}`])),
  };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  const flags = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'];
  const result = await runCommand('npm', ['install', ...flags], folder);
  if (result.status !== 0) return { folder, unpackedBytes: 0, findings: [`npm install: ${lastWords(result)}`] };
  return {
    folder,
    unpackedBytes: sizeOf(join(folder, 'node_modules', tarball.name)),
    findings: notFromTarballs(folder).map((name) => `${name} was not installed from its tarball`),
  };
}
