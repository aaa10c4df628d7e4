import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Place in a source file. */
export interface Location {
  readonly file: string;
  readonly line: number;
}

const OWN_FILES = new URL('./', import.meta.url).href;
/** Folder of this package and of those beside it. */
const LIBRARY = new URL('../../', import.meta.url).href;

const pathOf = (file: string): string => (file.startsWith('file:') ? fileURLToPath(file) : file);

/** Returns the place that the first line of a stack names: that of a syntax error, as Node shows it above the code. */
function headLocation(head: string): Location | undefined {
  const [, file, line] = /^((?:file:\/\/|\/|[A-Za-z]:\\).*):(\d+)$/.exec(head.trimEnd()) ?? [];
  return file === undefined ? undefined : { file: pathOf(file), line: Number(line) };
}

/** Returns the place of the first call in a stack that is no call of a library, else of the first that is none of this package. */
function frameLocation(stack: string): Location | undefined {
  let first: Location | undefined;
  for (const [, file = '', line] of stack.matchAll(/^ +at .*?(file:\/\/[^()?]*)(?:\?[^():]*)?:(\d+):\d+\)?$/gm)) {
    if (file.startsWith(OWN_FILES)) continue;
    const found = { file: pathOf(file), line: Number(line) };
    if (!file.includes('/node_modules/') && !file.startsWith(LIBRARY)) return found;
    first ??= found;
  }
  return first;
}

/** Returns the line of an import that was not found: Node names its file alone. */
function importLocation(message: string): Location | undefined {
  const [, wanted, file] = /^Cannot find (?:package|module) '(.+)' imported from (.+)$/m.exec(message) ?? [];
  if (wanted === undefined || file === undefined) return undefined;
  try {
    const lines = readFileSync(pathOf(file), 'utf8').split('\n');
    const at = lines.findIndex((text) => /['"`]/.test(text) && text.includes(basename(wanted)));
    return at < 0 ? undefined : { file: pathOf(file), line: at + 1 };
  } catch {
    return undefined;
  }
}

/** Returns the place of a syntax error of JavaScript, which Node shows only in a program of its own. */
function checkedLocation(file: string): Location | undefined {
  const { stderr } = spawnSync(process.execPath, ['--check', file], { encoding: 'utf8', timeout: 10_000 });
  return headLocation(stderr.split('\n', 1)[0] ?? '');
}

/** Returns where a file that is imported fails; `undefined` where that cannot be told. */
export function errorLocation(error: unknown, file: string): Location | undefined {
  if (!(error instanceof Error)) return undefined;
  const { stack = '', message, name } = error;
  const [head = ''] = stack.split('\n', 1);
  const known = headLocation(head) ?? importLocation(message) ?? frameLocation(stack);
  return known ?? (name === 'SyntaxError' ? checkedLocation(file) : undefined);
}
