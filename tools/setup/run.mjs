// What `npm start` and `npm test` run. Needs nothing but the Node and npm that started it: brings pnpm through npm, and
// the Node that the project runs on (24) as a package, installs, builds, and then does the job. Plain JavaScript for Node 20.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const [job, ...args] = process.argv.slice(2);
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const tools = join(root, '.tools');
const bin = join(root, 'node_modules', '.bin');
const onTerminal = process.stderr.isTTY && !process.env.NO_COLOR;

function say(text) {
  process.stderr.write(onTerminal ? `\u001b[36m${text}\u001b[0m\n` : `${text}\n`);
}

function run(command, commandArgs, options = {}) {
  const env = {
    ...process.env,
    PATH: [bin, join(tools, 'node_modules', '.bin'), process.env.PATH].join(delimiter),
    TURBO_TELEMETRY_DISABLED: '1',
    DO_NOT_TRACK: '1',
  };
  const { status, signal, error } = spawnSync(command, commandArgs, { cwd: root, stdio: 'inherit', env, ...options });
  if (error) throw error;
  return status ?? (signal === 'SIGINT' ? 130 : 1);
}

function step(title, command, commandArgs) {
  const since = Date.now();
  say(`▸ ${title}`);
  const status = run(command, commandArgs, { stdio: ['ignore', 2, 2] });
  if (status !== 0) {
    say(`✗ ${title}: ${[command, ...commandArgs].join(' ')} ended with status ${status}`);
    process.exit(status);
  }
  say(`✓ ${title} (${((Date.now() - since) / 1000).toFixed(1)} s)`);
}

/** Installs the pnpm of `packageManager` into `.tools`: its tarball must have the hash that stands there. */
function installPnpm() {
  const [, version, algorithm, expected] = /^pnpm@([^+]+)\+(sha\d+)\.([0-9a-f]+)$/.exec(manifest.packageManager) ?? [];
  if (expected === undefined) {
    say(
      `✗ packageManager in package.json must be pnpm@VERSION+sha512.HEX, got ${JSON.stringify(manifest.packageManager)}`,
    );
    process.exit(1);
  }
  const stampFile = join(tools, 'pnpm-installed');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === manifest.packageManager) return;
  rmSync(tools, { recursive: true, force: true });
  mkdirSync(tools);
  const quiet = ['--loglevel=error', '--no-audit', '--no-fund'];
  step(`getting pnpm ${version}`, 'npm', ['pack', `pnpm@${version}`, '--pack-destination', tools, ...quiet]);
  const tarball = join(tools, `pnpm-${version}.tgz`);
  const found = createHash(algorithm).update(readFileSync(tarball)).digest('hex');
  if (found !== expected) {
    say(`✗ pnpm ${version} from the registry has ${algorithm} ${found}, package.json expects ${expected}`);
    process.exit(1);
  }
  step('installing pnpm', 'npm', ['install', '--no-save', '--no-package-lock', '--prefix', tools, ...quiet, tarball]);
  rmSync(tarball);
  writeFileSync(stampFile, manifest.packageManager);
}

/** Installs what the lock file names, once per lock file. */
function install() {
  installPnpm();
  const stampFile = join(root, 'node_modules', '.agentwire-installed');
  const stamp = createHash('sha256')
    .update(readFileSync(join(root, 'pnpm-lock.yaml')))
    .digest('hex');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  step('installing packages', 'pnpm', ['install', '--frozen-lockfile', '--reporter=append-only', '--loglevel=warn']);
  writeFileSync(stampFile, stamp);
}

/** The project's own Node: the one that came with the packages, or this one where it is new enough. */
function projectNode() {
  const own = join(bin, 'node');
  if (existsSync(own)) return own;
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 18)) return process.execPath;
  say(
    `Node ${process.versions.node} is too old for agentwire, and npm has no Node 24 package for ${process.platform}-${process.arch}: install Node 24.`,
  );
  process.exit(1);
}

const JOBS = {
  demo: (node) => run(node, [join(root, 'packages', 'cli', 'bin', 'agentwire.js'), 'demo', ...args]),
  test: (node) => run(node, [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', ...args]),
  build: () => 0,
};

if (!Object.hasOwn(JOBS, job)) {
  say(`usage: node ${dirname(process.argv[1])}/run.mjs demo|test|build`);
  process.exit(2);
}
install();
step('building', 'turbo', ['run', 'build', '--output-logs=errors-only', '--log-order=grouped']);
// the job itself decides about Ctrl-C; this process only waits for it
process.on('SIGINT', () => undefined);
process.exitCode = JOBS[job](projectNode());
