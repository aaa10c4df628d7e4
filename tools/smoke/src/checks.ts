import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lastWords, runCommand } from './command.ts';
import type { Consumer } from './consumer.ts';
import { packageOf, runWatched } from './loaded.ts';
import type { Tarball } from './pack.ts';
import { type Package, ROOT } from './packages.ts';
import { JSON_OVER_UDS, writePrograms } from './programs.ts';

/** Result of one package. */
export interface Result {
  readonly package: string;
  readonly tarballBytes: number;
  readonly unpackedBytes: number;
  readonly files: number;
  readonly importMs: number;
  /** Packages that are not ours and are loaded by importing it. */
  readonly outside: readonly string[];
  readonly findings: readonly string[];
}

/** Packages whose import must stay light. */
const LIGHT: ReadonlySet<string> = new Set(['@agentwire/core', '@agentwire/pool', '@agentwire/transport-uds']);
const HEAVY =
  /^(@agentwire\/transport-grpc|@bufbuild\/.*|@connectrpc\/.*|@grpc\/.*|google-protobuf|protobufjs|@?msgpack.*|@opentelemetry\/.*)$/;

/** Which of the loaded packages a light one may not load. */
export function heavyOnes(loaded: readonly string[]): string[] {
  return loaded.filter((name) => HEAVY.test(name));
}

const isAgentwire = (name: string): boolean => name === 'agentwire' || name.startsWith('@agentwire/');

/**
 * Filters the compiler's errors for those of agentwire. Third-party libraries are checked too and may have errors:
 * their own declarations stand in `node_modules` and are not ours to mend.
 */
export function ourTypeErrors(output: string): string[] {
  return output
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith(' '))
    .filter((line) => {
      const name = packageOf(`/${line}`);
      return name === undefined || isAgentwire(name);
    });
}

async function checkTypes(folder: string): Promise<string[]> {
  const tsc = join(ROOT, 'node_modules/.bin/tsc');
  const result = await runCommand(tsc, ['-p', 'tsconfig.json', '--pretty', 'false'], folder);
  if (result.status !== 0 && result.stdout.trim() === '') return [`tsc: ${lastWords(result)}`];
  return ourTypeErrors(result.stdout)
    .slice(0, 5)
    .map((line) => `tsc: ${line}`);
}

async function checkCommands(folder: string, commands: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const command of commands) {
    const result = await runCommand(join(folder, 'node_modules/.bin', command), ['--help'], folder);
    if (result.status !== 0 || !result.stdout.includes(`Usage: ${command}`))
      found.push(`${command} --help: status ${result.status}, ${lastWords(result)}`);
  }
  return found;
}

/** A request over a Unix socket in JSON loads nothing heavy either. */
async function checkRequest(folder: string): Promise<string[]> {
  writeFileSync(join(folder, 'request.mjs'), JSON_OVER_UDS);
  const { result, packages } = await runWatched(folder, 'request.mjs');
  if (result.stdout !== 'json allow') return [`a request over UDS: ${lastWords(result)}`];
  return heavyOnes(packages).map((name) => `a JSON request over UDS loads ${name}`);
}

/** Tries an installed package in every way it can be used. */
export async function checkPackage(one: Package, tarball: Tarball, consumer: Consumer): Promise<Result> {
  const { folder } = consumer;
  const findings = [...consumer.findings];
  const figures = {
    package: one.name,
    tarballBytes: tarball.bytes,
    unpackedBytes: consumer.unpackedBytes,
    files: tarball.files,
  };
  if (findings.length > 0) return { ...figures, importMs: 0, outside: [], findings };
  writePrograms(folder, one.specifiers, join(ROOT, 'node_modules/@types'));

  const imported = await runWatched(folder, 'import.mjs');
  if (imported.result.status !== 0) findings.push(`import: ${lastWords(imported.result)}`);
  else if (!imported.packages.includes(one.name)) findings.push('import: its own modules were not seen loading');
  const required = await runCommand(process.execPath, ['require.cjs'], folder);
  if (required.status !== 0 || required.stderr !== '') findings.push(`require: ${lastWords(required)}`);
  else if (required.stdout !== imported.result.stdout) findings.push('require gives other names than import');
  if (LIGHT.has(one.name)) findings.push(...heavyOnes(imported.packages).map((name) => `importing it loads ${name}`));
  if (one.name === '@agentwire/transport-uds') findings.push(...(await checkRequest(folder)));
  findings.push(...(await checkTypes(folder)), ...(await checkCommands(folder, one.commands)));
  const timed = await runCommand(process.execPath, ['time.mjs'], folder);
  const outside = imported.packages.filter((name) => !isAgentwire(name));
  return { ...figures, importMs: Math.round(Number(timed.stdout)), outside, findings };
}
