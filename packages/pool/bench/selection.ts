/**
 * Prints what 1 000 agents with four connections each cost: processor time of adding one and of choosing a connection, by strategy, and heap of an
 * idle agent with both ends of its connections. `node --expose-gc --conditions=@agentwire/source packages/pool/bench/selection.ts`.
 */
import { DEFAULT_CAPABILITIES, FEATURES, type Hello, type RequestHeaders } from '@agentwire/core';
import { serveSessions } from '@agentwire/core/session';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { AgentTable } from '../src/agent-table.ts';
import type { PooledAgent } from '../src/agent/pooled-agent.ts';
import { ConnectionPicker } from '../src/agent/connection-picker.ts';
import type { LoadBalanceStrategyName } from '../src/balancing/strategy-option.ts';
import { resolvePoolOptions } from '../src/options.ts';

const AGENTS = 1_000;
const PICKS = 1_000_000;
const STRATEGIES: readonly LoadBalanceStrategyName[] = [
  'leastConnections',
  'roundRobin',
  'random',
  'powerOfTwo',
  'healthBased',
  'consistentHash',
];

const transport = createMemoryTransport();
const hello = (role: 'proxy' | 'agent'): Hello => ({
  role,
  name: role,
  version: '1',
  features: FEATURES,
  encodings: [],
});
const self = { ...hello('agent'), capabilities: { ...DEFAULT_CAPABILITIES, events: ['requestHeaders' as const] } };
const listener = await serveSessions(
  transport,
  'memory:bench',
  { onEvent: () => new Promise(() => undefined) },
  {
    self,
    maxConnections: 4 * AGENTS,
  },
);
const options = resolvePoolOptions({ transports: [transport], healthCheckIntervalMs: 86_400_000 });
const table = new AgentTable(options);
const proxy = hello('proxy');

const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};
const say = (text: string, value: number, unit: string): void =>
  void process.stdout.write(`${text.padEnd(40)} ${value.toFixed(2)} ${unit}\n`);

globalThis.gc?.();
const heapBefore = process.memoryUsage().heapUsed;
let since = cpuMs();
const agents: PooledAgent[] = [];
for (let at = 1; at <= AGENTS; at += 1) {
  const agent = table.add(`agent ${at}`, 'memory:bench', {});
  await agent.connections.connect(transport, 'memory:bench', proxy);
  agents.push(agent);
  if (at % (AGENTS / 4) !== 0) continue;
  say(`adding, the ${at - AGENTS / 4 + 1}st to ${at}th`, (cpuMs() - since) / (AGENTS / 4), 'ms each, connected');
  since = cpuMs();
}
globalThis.gc?.();
say('heap of an idle agent, both ends', (process.memoryUsage().heapUsed - heapBefore) / AGENTS / 1_024, 'KiB');

const events = Array.from({ length: AGENTS }, (_, at): RequestHeaders => ({
  type: 'requestHeaders',
  id: at,
  metadata: {
    correlationId: '',
    requestId: '',
    clientIp: `10.0.${at >> 8}.${at & 255}`,
    clientPort: 1,
    protocol: '',
    timestamp: '',
  },
  method: 'GET',
  uri: '/',
  headers: [],
  hasBody: false,
}));

/** Prints the processor time of a choice. @param order places of the agents that are asked, one after the other */
function measure(title: string, order: readonly number[]): void {
  for (const name of STRATEGIES) {
    const own = agents.map(
      ({ connections }) => new ConnectionPicker('a', 'b', { ...options, loadBalanceStrategy: name }, connections),
    );
    const names = agents.map((agent) => agent.name);
    let best = Infinity;
    for (let round = 0; round < 4; round += 1) {
      const before = cpuMs();
      for (let at = 0; at < PICKS; at += 1) {
        const place = order[at % order.length] ?? 0;
        if (table.get(names[place] ?? '') !== agents[place]) throw new Error('not found');
        const event = events[place];
        if (event !== undefined) own[place]?.pick(1, event);
      }
      best = Math.min(best, cpuMs() - before);
    }
    say(`${title}, ${name}`, (best * 1_000) / PICKS, 'µs');
  }
}

measure(
  'in turn',
  Array.from({ length: AGENTS }, (_, at) => at),
);
measure(
  'mixed',
  Array.from({ length: 9_973 }, (_, at) => (at * 7_919) % AGENTS),
);
measure('one agent', [0]);
await listener.close();
process.exit(0);
