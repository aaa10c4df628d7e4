import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Agent } from '@agentwire/agent';
import { errorLocation } from './error-location.ts';
import { UsageError } from './usage-error.ts';

const STOCK: Readonly<Record<string, () => Promise<{ default: Agent }>>> = {
  reference: () => import('./agents/reference.ts'),
  waf: () => import('./agents/waf.ts'),
  'api-key': () => import('./agents/api-key.ts'),
};

const FILE_EXAMPLE = 'agentwire agent ./my-agent.ts --listen unix:/tmp/my-agent.sock';

/** Advice for a file that is a program of its own. */
const OWN_SERVER = 'it starts a server itself? run it with node, or default-export the agent';

/** Returns what to do about an import that was not found. */
function importAdvice(reason: string): string {
  const [, name] = /^Cannot find package '([^']+)'/.exec(reason) ?? [];
  if (name !== undefined) return `; install it for this file: npm install ${name}`;
  const [, path] = /^Cannot find module '([^']+)'/.exec(reason) ?? [];
  const ending = path && ['.ts', '.mts', '.js', '.mjs'].find((each) => existsSync(`${path}${each}`));
  return ending ? `; ${path}${ending} is there: an import names a file with its ending` : '';
}

/** Returns why and where a file could not be loaded, and what to do where it tried to listen at an address that is taken. */
function loadFailure(word: string, path: string, error: unknown): UsageError {
  let reason = (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
  // a file that serves by itself, and is served so by another process already
  const isTaken = error instanceof Error && 'code' in error && error.code === 'ERR_CONNECT';
  const advice = isTaken || reason.includes('EADDRINUSE') ? `; ${OWN_SERVER}` : importAdvice(reason);
  const { file, line } = errorLocation(error, path) ?? {};
  if (file !== undefined) reason = reason.replace(/ imported from .*$/, '');
  if (file === undefined || file === path)
    return new UsageError(`${word}${line === undefined ? '' : `:${line}`}: it cannot be loaded (${reason})${advice}`);
  return new UsageError(`${word}: it cannot be loaded (${reason}, at ${file}:${line})${advice}`);
}

/** Loads an agent by name: a stock agent, or the default export of a file. @throws UsageError */
export async function loadAgent(word: string, example: string): Promise<Agent> {
  const stock = Object.hasOwn(STOCK, word) ? STOCK[word] : undefined;
  if (stock !== undefined) return (await stock()).default;
  const path = resolve(word);
  // an import's own error would name a file of this package
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true)
    throw new UsageError(
      `${word} is no file, and none of our agents: ${Object.keys(STOCK).join(', ')}`,
      /[./\\]/.test(word) ? FILE_EXAMPLE : example,
    );
  const module = (await import(pathToFileURL(path).href).catch((error: unknown) => {
    throw loadFailure(word, path, error);
  })) as { default?: Agent };
  if (module.default === undefined)
    throw new UsageError(`${word} has no default export (export default defineAgent({ … })); ${OWN_SERVER}`, example);
  const made: unknown = module.default;
  if (typeof made === 'function' || typeof (made as Partial<Agent> | null)?.handlers !== 'object')
    throw new UsageError(
      `${word}: its default export is ${typeof made === 'function' ? 'a function' : 'no agent'}; export what defineAgent({ … }) returns`,
      example,
    );
  return module.default;
}
