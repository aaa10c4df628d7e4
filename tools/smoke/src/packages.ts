import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository. */
export const ROOT: string = fileURLToPath(new URL('../../..', import.meta.url));

/** A package of `packages/`. */
export interface Package {
  readonly name: string;
  readonly folder: string;
  /** Importable specifiers: the name, and the name with each subpath. */
  readonly specifiers: readonly string[];
  /** Names of its commands. */
  readonly commands: readonly string[];
}

interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly bin?: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, unknown>>;
}

/** Every package that is published, by name. */
export function findPackages(): Package[] {
  const found: Package[] = [];
  for (const entry of readdirSync(join(ROOT, 'packages'))) {
    const folder = join(ROOT, 'packages', entry);
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
    if (manifest.private === true) continue;
    const subpaths = Object.keys(manifest.exports).filter((path) => path !== './package.json');
    found.push({
      name: manifest.name,
      folder,
      specifiers: subpaths.map((path) => manifest.name + path.slice(1)),
      commands: Object.keys(manifest.bin ?? {}),
    });
  }
  return found;
}
