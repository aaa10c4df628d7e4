import { lastWords, runCommand } from './command.ts';
import type { Package } from './packages.ts';

/** A packed package. */
export interface Tarball {
  readonly name: string;
  readonly file: string;
  readonly bytes: number;
  readonly files: number;
}

/** Packs a package as it would be published. @throws Error with the output of `pnpm pack` */
export async function packPackage({ name, folder }: Package, into: string): Promise<Tarball> {
  const result = await runCommand('pnpm', ['pack', '--json', '--pack-destination', into], folder);
  if (result.status !== 0) throw new Error(`pnpm pack of ${name}: ${lastWords(result)}`);
  const start = result.stdout.indexOf('{');
  const { filename, size, files } = JSON.parse(result.stdout.slice(start)) as {
    filename: string;
    size: number;
    files: readonly unknown[];
  };
  return { name, file: filename, bytes: size, files: files.length };
}
