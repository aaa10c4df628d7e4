import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { makeScenario } from './scenario.ts';
import { compareTransports, type Finding, fuzz } from './run.ts';
import { WAYS } from './transports.ts';

const USAGE = `pnpm fuzz [--seed N] [--rounds N | --round N] [--minutes M] [--transport ID]… [--compare]
  --seed       makes the same requests again; default random, and printed
  --rounds     how many; default 1 000
  --round      plays only this one, and prints it
  --minutes    ends after so many minutes; default 5, at most 60
  --transport  only these: ${WAYS.map(({ id }) => id).join(', ')}
  --compare    plays each request on every transport and compares what was seen`;

function number(name: string, text: string, from: number, to: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= from && value <= to) return value;
  throw new TypeError(`--${name} must be an integer from ${from} to ${to}, got ${JSON.stringify(text)}\n${USAGE}`);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      rounds: { type: 'string', default: '1000' },
      round: { type: 'string' },
      minutes: { type: 'string', default: '5' },
      transport: { type: 'string', multiple: true, default: [] },
      compare: { type: 'boolean', default: false },
    },
  });
  for (const id of values.transport)
    if (!WAYS.some((way) => way.id === id)) throw new TypeError(`no transport ${id}\n${USAGE}`);
  const seed = number('seed', values.seed ?? String(randomInt(2 ** 31)), 0, 2 ** 32 - 1);
  const count = number('rounds', values.rounds, 1, 10_000_000);
  const only = values.round === undefined ? undefined : number('round', values.round, 0, 10_000_000);
  const until = performance.now() + number('minutes', values.minutes, 1, 60) * 60_000;
  const ways = WAYS.filter(({ id }) => values.transport.length === 0 || values.transport.includes(id));
  process.stdout.write(`seed ${seed}\n`);
  let played = 0;
  const rounds = only === undefined ? Array(count).keys() : [only];
  if (only !== undefined)
    process.stdout.write(`${JSON.stringify(makeScenario(seed, only, !values.compare), undefined, 2)}\n`);
  const findings: Finding[] = await (values.compare ? compareTransports : fuzz)({
    seed,
    rounds,
    ways,
    stop: () => performance.now() > until,
    onRound: (_, found) => {
      played += 1;
      if (played % 100 === 0) process.stderr.write(`${played} played, ${found} findings\n`);
    },
  });
  for (const { round, way, text } of findings.slice(0, 50))
    process.stdout.write(`round ${round} ${way}: ${text.slice(0, 600)}\n`);
  process.stdout.write(`${played} requests played over ${ways.length} transports, ${findings.length} findings\n`);
  if (findings.length > 0)
    process.stdout.write(`again: pnpm fuzz --seed ${seed} --round N${values.compare ? ' --compare' : ''}\n`);
  return findings.length > 0 || played === 0 ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof TypeError ? error.message : String((error as Error).stack)}\n`);
  process.exitCode = 2;
}
