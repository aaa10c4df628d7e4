import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DESTRUCTIVE, type Scenario, SCENARIOS } from './scenarios.ts';
import { type Medium, World } from './world.ts';

const VERSION = '0.6.45';
const root = fileURLToPath(new URL('target', import.meta.url));
const binary = `${root}/bin/zentinel`;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** Builds the released proxy, which takes about a quarter of an hour. @returns whether it is there */
function build(): boolean {
  if (existsSync(binary)) return true;
  if (spawnSync('cargo', ['--version']).status !== 0) {
    say('cargo is not there: the released proxy cannot be built (Rust 1.95, protoc and cmake are needed).');
    return false;
  }
  say(`building zentinel-proxy ${VERSION}; this takes about a quarter of an hour`);
  const crate = ['install', 'zentinel-proxy', '--version', VERSION, '--locked', '--root', root];
  const env = { ...process.env, CARGO_TARGET_DIR: `${root}/build` };
  return spawnSync('cargo', crate, { stdio: 'inherit', env }).status === 0 && existsSync(binary);
}

async function playIn(medium: Medium, scenarios: readonly Scenario[]): Promise<boolean> {
  const world = new World();
  let good = true;
  try {
    await world.start(binary, medium);
    for (const { name, run } of scenarios) {
      try {
        say(`| ${name} | ok | ${await run(world)} |`);
      } catch (error) {
        good = false;
        say(`| ${name} | **no** | ${(error as Error).message} |`);
      }
    }
  } finally {
    await world.stop();
  }
  return good;
}

async function play(medium: Medium): Promise<boolean> {
  say(`\n| ${medium === 'uds' ? 'over a Unix socket' : 'over gRPC'} | | seen |\n| --- | --- | --- |`);
  let good = await playIn(medium, SCENARIOS);
  for (const scenario of DESTRUCTIVE) good = (await playIn(medium, [scenario])) && good;
  return good;
}

if (build()) {
  say(`zentinel-proxy ${VERSION} with \`agentwire agent reference\` behind it`);
  const results = [await play('uds'), await play('grpc')];
  process.exitCode = results.every(Boolean) ? 0 : 1;
} else process.exitCode = 1;
