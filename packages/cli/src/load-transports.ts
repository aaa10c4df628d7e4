import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Logger, Transport } from '@agentwire/core';
import type { Command } from 'commander';
import { UsageError } from './usage-error.ts';

/** Flag for transports that agentwire does not come with. */
export interface TransportFlags {
  readonly transport: readonly string[];
}

const EXPECTED =
  'export default a Transport (name, schemes, dials, connect and listen), or a function ({ logger }) that makes one';

/** Adds `--transport`. */
export function addTransportFlag(command: Command): Command {
  return command.option(
    '--transport <module>',
    'a further transport: a file or package whose default export is a Transport, or makes one; may be given more than once',
    (value: string, before: string[]) => [...before, value],
    [],
  );
}

function isTransport(value: unknown): value is Transport {
  const { name, schemes, dials, connect, listen } = (value ?? {}) as Partial<Transport>;
  return (
    typeof name === 'string' &&
    Array.isArray(schemes) &&
    Array.isArray(dials) &&
    typeof connect === 'function' &&
    typeof listen === 'function'
  );
}

/** Returns the file of a module: relative to the working directory, or of a package that is installed there; `undefined` for none. */
export function moduleFile(word: string): string | undefined {
  const path = resolve(word);
  if (existsSync(path)) return path;
  try {
    return createRequire(`${process.cwd()}/`).resolve(word);
  } catch {
    return undefined;
  }
}

async function load(word: string, named: string, logger: Logger, example: string): Promise<Transport> {
  const fail = (reason: string): UsageError => new UsageError(`${named} ${word}: ${reason}; ${EXPECTED}`, example);
  let made: unknown;
  try {
    const path = resolve(word);
    const file = existsSync(path) ? path : createRequire(`${process.cwd()}/`).resolve(word);
    const { default: exported } = (await import(pathToFileURL(file).href)) as { readonly default?: unknown };
    if (exported === undefined) throw fail('it has no default export');
    made = typeof exported === 'function' ? await (exported as (options: object) => unknown)({ logger }) : exported;
  } catch (error) {
    throw error instanceof UsageError
      ? error
      : fail(`it cannot be loaded (${(error as Error).message.split('\n', 1)[0]})`);
  }
  if (isTransport(made)) return made;
  throw fail('its default export is no transport');
}

/**
 * Loads the transports of modules: files, relative to the working directory, or packages that are installed there.
 *
 * @param named flag, or file, line and key, that named the module at this place
 * @throws UsageError naming the module and what it must export, also for a scheme that is served already
 */
export async function loadTransports(
  modules: readonly string[],
  stock: readonly Transport[],
  {
    named = () => '--transport',
    logger,
    example,
  }: { readonly named?: (at: number) => string; readonly logger: Logger; readonly example: string },
): Promise<Transport[]> {
  const transports = [...stock];
  for (const [at, word] of modules.entries()) {
    const made = await load(word, named(at), logger, example);
    for (const { name, schemes } of transports) {
      const twice = made.schemes.find((scheme) => schemes.includes(scheme));
      if (twice === undefined) continue;
      throw new UsageError(`${named(at)} ${word}: the transport ${name} serves ${twice}: already`, example);
    }
    transports.push(made);
  }
  return transports;
}
