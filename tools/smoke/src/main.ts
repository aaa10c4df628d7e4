import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkPackage, type Result } from './checks.ts';
import { installAlone } from './consumer.ts';
import { packPackage, type Tarball } from './pack.ts';
import { findPackages, type Package } from './packages.ts';
import { inParallel } from './parallel.ts';
import { drawResults } from './table.ts';

const say = (text: string): void => void process.stderr.write(`${text}\n`);
const width = Math.min(4, availableParallelism());

/** Packs everything, then installs and tries each chosen package alone. */
async function smoke(packages: readonly Package[], chosen: readonly Package[], folder: string): Promise<Result[]> {
  say(`packing ${packages.length} packages`);
  const tarballs = await inParallel(packages, width, (one) => packPackage(one, folder));
  return inParallel(chosen, width, async (one) => {
    const tarball = tarballs.find(({ name }) => name === one.name) as Tarball;
    const consumer = await installAlone(tarball, tarballs, join(folder, one.name.replace('/', '-')));
    const result = await checkPackage(one, tarball, consumer);
    say(`${one.name}: ${result.findings.length === 0 ? 'ok' : result.findings.join('; ')}`);
    return result;
  });
}

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, package: { type: 'string', multiple: true, default: [] } },
});
const packages = findPackages();
const chosen = packages.filter(({ name }) => values.package.length === 0 || values.package.includes(name));
const folder = mkdtempSync(join(tmpdir(), 'aw-smoke-'));
try {
  const results = await smoke(packages, chosen, folder);
  process.stdout.write(values.json ? `${JSON.stringify(results, undefined, 2)}\n` : `${drawResults(results)}\n`);
  process.exitCode = results.length === 0 || results.some(({ findings }) => findings.length > 0) ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
