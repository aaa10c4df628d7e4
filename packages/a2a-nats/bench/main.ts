// Prints the figures of docs/a2a.md in one run: requests over NATS beside raw nats.js request/reply, in turns, against one nats-server;
// rows of the router beside a local call of moleculer; and the heap after a million requests. Processor time is the figure, because it
// depends least on what else the machine does. Writes JSON to the file that is named, by default bench-results/a2a.json at the top.
// Usage: node --conditions=@agentwire/source bench/main.ts [ROUNDS] [FILE]
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { createA2ARouter, payload, target } from '@agentwire/a2a-router';
import { connect } from '@nats-io/transport-node';
import { createNatsBackend } from '../src/index.ts';
import { measureMemory, measureTargets, median } from './targets.ts';

const PORT = 24_223;
/** Round trips of one round, by the number in flight; counted, because a busy machine makes too few of them warm in a given time. */
const ROUND: Readonly<Record<number, number>> = { 1: 4000, 64: 15_000, 256: 15_000 };
const WARM = 30_000;
const GOAL = 0.95;
const servers = `nats://127.0.0.1:${PORT}`;

if (spawnSync('nats-server', ['--version']).status !== 0) {
  process.stderr.write('!! no nats-server on the PATH: nothing is measured (apt-get install nats-server)\n');
  process.exit(1);
}
const server = spawn('nats-server', ['-a', '127.0.0.1', '-p', String(PORT)], { stdio: 'ignore' });
const raw = await connect({ servers, waitOnFirstConnect: true, reconnectTimeWait: 50 });
const answering = await connect({ servers });
answering.subscribe('echo', { callback: (_error, message) => void message.respond(message.data) });
await answering.flush();

const unlimited = { maxMessages: Infinity };
const [here, there] = [
  await createNatsBackend({ nodeId: 'here', servers }),
  await createNatsBackend({ nodeId: 'there', servers }),
];
const [a, b] = [here, there].map((backend) => createA2ARouter({ backend, acceptRemote: () => unlimited }));
if (a === undefined || b === undefined) throw new Error('no routers');
const asker = a.register(a.processTable.insert({ agentId: 'asker', capabilities: unlimited }));
const owner = b.register(b.processTable.insert({ agentId: 'owner', capabilities: unlimited }), { capacity: 10_000 });
await there.flush();
const body = payload.text('hello agent');
void (async () => {
  for await (const message of owner.inbox) void message.reply(message.payload);
})();
const to = target.remoteNode('there', target.process(owner.pid));

const calls = {
  'nats.js request/reply': () => raw.request('echo', 'hello agent', { timeout: 30_000 }),
  'agentwire request over NATS': () => asker.request(to, body),
};
type Name = keyof typeof calls;
const names = Object.keys(calls) as Name[];

interface Measured {
  readonly perSecond: number;
  /** Processor time of this process, which asks and answers; the server's is not in it. */
  readonly cpuMicros: number;
}

async function measure(name: Name, inFlight: number, most = ROUND[inFlight] ?? WARM): Promise<Measured> {
  const cpu = process.cpuUsage();
  const started = performance.now();
  let count = 0;
  const ask = async (): Promise<void> => {
    while (count < most) {
      count += 1;
      await calls[name]();
    }
  };
  await Promise.all(Array.from({ length: inFlight }, ask));
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: (count / (performance.now() - started)) * 1000, cpuMicros: (user + system) / count };
}

const rounds = Number(process.argv[2] ?? 7);
const line = (...cells: readonly (string | number)[]): void => {
  const [first = '', ...rest] = cells.map(String);
  process.stdout.write(`${first.padEnd(52)}${rest.map((cell) => cell.padStart(14)).join('')}\n`);
};
const verdict = (ratio: number, goal: number): string => (ratio >= goal ? 'reached' : 'missed');

line('over NATS', 'per second', 'µs CPU', 'ratio, CPU', 'ratio, rate', `goal ${GOAL}`);
const overNats = [];
for (const name of names) await measure(name, 64, WARM);
for (const inFlight of [1, 64, 256]) {
  const measured: Record<Name, Measured[]> = { 'nats.js request/reply': [], 'agentwire request over NATS': [] };
  for (const name of names) await measure(name, inFlight);
  for (let round = 0; round < rounds; round += 1) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) measured[name].push(await measure(name, inFlight));
  }
  const of = (name: Name, field: keyof Measured): number => median(measured[name].map((one) => one[field]));
  for (const name of names) {
    const [perSecond, cpuMicros] = [of(name, 'perSecond'), of(name, 'cpuMicros')];
    const ofCpu = of('nats.js request/reply', 'cpuMicros') / cpuMicros;
    const ofRate = perSecond / of('nats.js request/reply', 'perSecond');
    overNats.push({ name, inFlight, perSecond, cpuMicros, ofCpu, ofRate });
    line(
      `${name}, ${inFlight} in flight`,
      Math.round(perSecond),
      cpuMicros.toFixed(1),
      ofCpu.toFixed(2),
      ofRate.toFixed(2),
      name === 'nats.js request/reply' ? '' : verdict(ofCpu, GOAL),
    );
  }
}
for (const connection of [here, there, raw, answering]) await connection.close();
server.kill();

const targets = measureTargets(rounds);
line('\nin one process', 'yardstick, µs', 'ours, µs CPU', 'ratio', 'goal', '');
for (const { name, yardstickMicros, micros, ratio, goal } of targets)
  line(name, yardstickMicros.toFixed(2), micros.toFixed(2), ratio.toFixed(2), goal, verdict(ratio, goal));
const memory = measureMemory();
line(
  `\n${memory.requests} requests, half of them out of time`,
  `${memory.pending} pending`,
  `${Math.round(memory.grownBytes / 1024)} KiB more`,
);

const file = process.argv[3] ?? join(import.meta.dirname, '../../../bench-results/a2a.json');
mkdirSync(dirname(file), { recursive: true });
const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`;
const report = { bench: 'a2a', at: new Date().toISOString(), machine, rounds, overNats, targets, memory };
writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
line(`\n${machine}, medians of ${rounds} rounds`);
