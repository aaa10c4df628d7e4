import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const TOP: string = fileURLToPath(new URL('../../..', import.meta.url));

/** One importable path of a package, for example `@agentwire/core/session`. */
export interface Entry {
  readonly folder: string;
  readonly specifier: string;
  /** Declaration file, built by `pnpm typecheck`. */
  readonly types: string;
  /** Path of the checked-in report. */
  readonly report: string;
}

interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, string | { readonly types?: string }>>;
}

/** Lists the entry points that carry a promise: `./internal` carries none, so it has no report. */
export function entries(): Entry[] {
  return readdirSync(join(TOP, 'packages'))
    .filter((folder) => existsSync(join(TOP, 'packages', folder, 'package.json')))
    .toSorted()
    .flatMap((folder) => {
      const at = join(TOP, 'packages', folder);
      const { name, exports } = JSON.parse(readFileSync(join(at, 'package.json'), 'utf8')) as Manifest;
      return Object.entries(exports).flatMap(([path, target]): Entry[] => {
        if (typeof target === 'string' || target.types === undefined || path.endsWith('internal')) return [];
        const specifier = path === '.' ? name : `${name}/${path.slice(2)}`;
        const file = `${specifier.replace('@agentwire/', '').replaceAll('/', '.')}.api.md`;
        return [{ folder: at, specifier, types: join(at, target.types), report: join(TOP, 'docs/api', file) }];
      });
    });
}
