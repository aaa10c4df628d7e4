import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Results of one server: the suite's word for each case, as `OK`. */
export type CaseResults = Readonly<Record<string, { readonly behavior: string; readonly behaviorClose: string }>>;

const SUITE = 'autobahntestsuite==25.10.1';
const CACHE = fileURLToPath(new URL('../../../node_modules/.cache/autobahn', import.meta.url));
/** The package's own script needs its folder on the path, and namespace packages need more than that. */
const PREPARE = `import site, sys; site.addsitedir(${JSON.stringify(CACHE)}); sys.argv[0] = 'wstest'; from autobahntestsuite.wstest import run`;

/** Returns the program that runs the suite. @param messages of each case about compression; `undefined` for the suite's own 1000 */
function program(messages: number | undefined): string {
  if (messages === undefined) return `${PREPARE}; run()`;
  const cases = 'from autobahntestsuite.case.case12_x_x import Case12_X_X, Case13_X_X';
  return `${PREPARE}; ${cases}; [setattr(case, 'COUNT', ${messages}) for case in Case12_X_X + Case13_X_X]; run()`;
}

const say = (text: string): void => void process.stderr.write(`${text}\n`);

function works(python: string): boolean {
  try {
    const version = execFileSync(python, ['-c', 'import sys; print(sys.version_info[0])'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return version.trim() === '2';
  } catch {
    return false;
  }
}

/** Returns a Python 2.7, which the suite needs. @throws Error that says what to do */
function findPython(): string {
  const pyenv = join(homedir(), '.pyenv/versions');
  const built = existsSync(pyenv) ? readdirSync(pyenv).filter((name) => name.startsWith('2.7')) : [];
  const candidates = [
    process.env['PYTHON2'] ?? [],
    'python2.7',
    ...built.map((name) => join(pyenv, name, 'bin/python')),
    'pypy',
  ].flat();
  const found = candidates.find(works);
  if (found === undefined)
    throw new Error('the suite needs Python 2.7: install one (pyenv install 2.7.18), or name it with PYTHON2=PATH');
  return found;
}

/** Installs the suite once. @returns the Python that runs it */
export function installSuite(): string {
  const python = findPython();
  const done = join(CACHE, 'installed');
  if (existsSync(done) && readFileSync(done, 'utf8') === SUITE) return python;
  say(`installing ${SUITE} for ${python}`);
  rmSync(CACHE, { recursive: true, force: true });
  mkdirSync(CACHE, { recursive: true });
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--target', CACHE, SUITE];
  execFileSync(python, pip, { stdio: ['ignore', 'ignore', 'inherit'] });
  writeFileSync(done, SUITE);
  return python;
}

/**
 * Plays cases with each server, less those that it is `without`.
 *
 * @param cases numbers with `*`, as `1.*`
 * @param messages messages of each case about compression; default 1000
 */
export async function playSuite(
  python: string,
  servers: readonly { readonly name: string; readonly url: string; readonly without?: readonly string[] }[],
  cases: readonly string[],
  messages?: number,
): Promise<ReadonlyMap<string, CaseResults>> {
  const folder = mkdtempSync(join(tmpdir(), 'autobahn-'));
  try {
    const spec = join(folder, 'spec.json');
    const agents = servers.map(({ name, url }) => ({ agent: name, url, options: { version: 18 } }));
    const plan = {
      outdir: join(folder, 'reports'),
      servers: agents,
      cases,
      'exclude-cases': [],
      'exclude-agent-cases': Object.fromEntries(servers.map(({ name, without = [] }) => [name, without])),
    };
    writeFileSync(spec, JSON.stringify(plan));
    const child = spawn(python, ['-c', program(messages), '-m', 'fuzzingclient', '-s', spec], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (part: string) => (errors = (errors + part).slice(-2_000)));
    const status = await new Promise((resolve) => child.on('close', resolve));
    const report = join(folder, 'reports/index.json');
    if (!existsSync(report)) throw new Error(`the suite ended with ${String(status)} and no report: ${errors}`);
    const results = JSON.parse(readFileSync(report, 'utf8')) as Record<string, CaseResults>;
    return new Map(servers.map(({ name }) => [name, results[name] ?? {}]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
