// Requests through the backend beside raw nats.js request/reply, against one nats-server, in turns.
// Prints a table, and writes JSON to the file that is named, by default bench-results/a2a-nats.json at the top.
// Usage: node --conditions=@agentwire/source bench/main.ts [ROUNDS] [FILE]
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createA2ARouter, payload, target } from '@agentwire/a2a-router';
import { connect } from '@nats-io/transport-node';
import { createNatsBackend } from '../src/index.ts';

const PORT = 24_223;
const ROUND_MS = 700;
const GOAL = 0.8;
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

/** Round trips in a second. */
async function measure(name: Name, inFlight: number): Promise<number> {
  const end = performance.now() + ROUND_MS;
  const started = performance.now();
  let count = 0;
  const ask = async (): Promise<void> => {
    for (; performance.now() < end; count += 1) await calls[name]();
  };
  await Promise.all(Array.from({ length: inFlight }, ask));
  return (count / (performance.now() - started)) * 1000;
}

const rounds = Number(process.argv[2] ?? 9);
const results: { inFlight: number; name: Name; perSecond: number; ofRaw: number }[] = [];
for (const inFlight of [1, 64, 256]) {
  const speeds: Record<Name, number[]> = { 'nats.js request/reply': [], 'agentwire request over NATS': [] };
  for (const name of names) await measure(name, inFlight);
  for (let round = 0; round < rounds; round += 1) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) speeds[name].push(await measure(name, inFlight));
  }
  const base = median(speeds['nats.js request/reply']);
  for (const name of names) {
    const perSecond = Math.round(median(speeds[name]));
    results.push({ inFlight, name, perSecond, ofRaw: Number((perSecond / base).toFixed(2)) });
  }
}
for (const { inFlight, name, perSecond, ofRaw } of results) {
  const verdict = name === 'nats.js request/reply' ? '' : ofRaw >= GOAL ? 'reached' : 'MISSED';
  process.stdout.write(
    `${name.padEnd(30)} ${String(inFlight).padStart(4)} in flight ${String(perSecond).padStart(8)}/s  ${String(ofRaw).padStart(5)}  ${verdict}\n`,
  );
}
const file = process.argv[3] ?? join(import.meta.dirname, '../../../bench-results/a2a-nats.json');
mkdirSync(dirname(file), { recursive: true });
writeFileSync(
  file,
  `${JSON.stringify({ bench: 'a2a-nats', at: new Date().toISOString(), node: process.version, rounds, goal: GOAL, results }, null, 2)}\n`,
);
for (const connection of [here, there, raw, answering]) await connection.close();
server.kill();

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
}
