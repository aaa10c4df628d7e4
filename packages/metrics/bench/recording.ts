/** Prints the processor time of one recording, in nanoseconds: `node --conditions=@agentwire/source packages/metrics/bench/recording.ts`. */
import { MetricsCollector } from '@agentwire/metrics';

const metrics = new MetricsCollector();
const frozen = ['a', 'b', 'c', 'd'].map((agent) => Object.freeze({ agent, decision: 'allow' }));
const rounds = 2_000_000;

function measure(name: string, run: (at: number) => void): void {
  for (let at = 0; at < rounds / 10; at++) run(at);
  const before = process.cpuUsage();
  for (let at = 0; at < rounds; at++) run(at);
  const { user, system } = process.cpuUsage(before);
  process.stdout.write(`${name.padEnd(32)} ${(((user + system) * 1000) / rounds).toFixed(1)} ns\n`);
}

measure('count, same frozen labels', () => metrics.count('agent_requests_total', frozen[0] ?? {}));
measure('count, four frozen labels', (at) => metrics.count('agent_requests_total', frozen[at & 3] ?? {}));
measure('count, labels built each time', () =>
  metrics.count('agent_requests_total', { agent: 'a', decision: 'allow' }),
);
measure('observe, four frozen labels', (at) =>
  metrics.observe('agent_request_duration_seconds', frozen[at & 3] ?? {}, 0.003),
);
