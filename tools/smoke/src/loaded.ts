import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CommandResult, runCommand } from './command.ts';

const WATCHER = new URL('watch-modules.ts', import.meta.url).href;

/** Modules that a program loaded. */
export interface Loaded {
  readonly result: CommandResult;
  /** Names of packages, sorted. */
  readonly packages: readonly string[];
}

/** The package that a module belongs to; `undefined` for one outside `node_modules`. */
export function packageOf(url: string): string | undefined {
  const path = url.split('/node_modules/').at(-1);
  if (path === undefined || path === url) return undefined;
  const [scope = '', name = ''] = path.split('/');
  return scope.startsWith('@') ? `${scope}/${name}` : scope;
}

/** Runs a program of a consumer and sees what it loads, by import and by require. */
export async function runWatched(folder: string, program: string): Promise<Loaded> {
  const file = join(folder, `${program}.modules.json`);
  const result = await runCommand(process.execPath, ['--import', WATCHER, program], folder, { SMOKE_MODULES: file });
  if (result.status !== 0) return { result, packages: [] };
  const urls = JSON.parse(readFileSync(file, 'utf8')) as string[];
  const names = urls.map(packageOf).filter((name) => name !== undefined);
  return { result, packages: [...new Set(names)].toSorted() };
}
