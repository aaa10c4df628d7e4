import { writeSync } from 'node:fs';
import { Latencies, runClosedLoop } from '@agentwire/cli/internal';
import { systemClock } from '@agentwire/core';
import { BIN_EDGES_MS } from '../run/bins.ts';
import { loadStack } from '../stacks/index.ts';

// node load.ts STACK ADDRESS IN_FLIGHT SECONDS WARMUP_SECONDS: the asking end in a process of its own; says `{"started"}`
// when it begins and what it measured when it ends

const [name = '', address = '', inFlight, seconds, warmupSeconds] = process.argv.slice(2);
const say = (value: object): void => void writeSync(1, `${JSON.stringify(value)}\n`);
const stack = await loadStack(name);
const client = await stack.connect(address, Number(inFlight));
const latencies = new Latencies();
say({ started: true });
const result = await runClosedLoop(client.ask, {
  inFlight: Number(inFlight),
  seconds: Number(seconds),
  warmupSeconds: Number(warmupSeconds),
  clock: systemClock,
  latencies,
});
const { rss } = process.memoryUsage();
say({ ...result, histogram: latencies.histogram(BIN_EDGES_MS), rssBytes: rss });
process.exit(0);
