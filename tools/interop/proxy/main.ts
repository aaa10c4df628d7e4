import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { CheckResult } from '@agentwire/conform';
import type { Medium } from './configuration.ts';
import { cutPage, differences, proxySection } from './conform-table.ts';
import { conform } from './conform.ts';
import { build, VERSION } from './released-proxy.ts';
import { DESTRUCTIVE, type Scenario, SCENARIOS } from './scenarios.ts';
import { World } from './world.ts';

const page = fileURLToPath(new URL('../../../docs/conform-zentinel-0.6.45.md', import.meta.url));

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function playIn(medium: Medium, scenarios: readonly Scenario[], defaultBreaker?: boolean): Promise<boolean> {
  const world = new World();
  let good = true;
  try {
    await world.start(medium, defaultBreaker);
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
  for (const scenario of DESTRUCTIVE) good = (await playIn(medium, [scenario], scenario.defaultBreaker)) && good;
  return good;
}

/** Conformance, against the committed table. @returns whether they agree */
async function compare(update: boolean): Promise<boolean> {
  const tell = ({ id, form, outcome, reason }: CheckResult): void =>
    say(`${outcome.padEnd(4)} ${form.padEnd(8)} ${id}${reason === undefined ? '' : `: ${reason}`}`);
  say('\nagentwire conform --proxy');
  const now = proxySection(await conform('uds', tell), await conform('grpc', tell));
  const { before, section } = cutPage(readFileSync(page, 'utf8'));
  if (update) {
    writeFileSync(page, `${before.trimEnd()}\n\n${now}`);
    return true;
  }
  const differing = differences(section, now);
  differing.forEach(say);
  say(differing.length === 0 ? 'as in docs' : `${differing.length} rows differ from docs`);
  return differing.length === 0;
}

const { values } = parseArgs({ options: { conform: { type: 'boolean' }, update: { type: 'boolean' } } });
if (build(say)) {
  say(`zentinel-proxy ${VERSION}`);
  const results: boolean[] = [];
  if (values.conform !== true) {
    say('with `agentwire agent reference` behind it');
    results.push(await play('uds'), await play('grpc'));
  }
  results.push(await compare(values.update === true));
  process.exitCode = results.every(Boolean) ? 0 : 1;
} else process.exitCode = 1;
