// The agent, in a process of its own: asks a service about each client, and counts what it finds.
import { MetricsCollector } from '@agentwire/metrics';
import { allow, block, defineAgent, serveAgent } from 'agentwire';
import { traceTo } from './tracing.ts';

const [listen = '', service = '', otlp = ''] = process.argv.slice(2);
const { tracer, end } = traceTo(otlp, 'reputation-agent');
const metrics = new MetricsCollector();

const agent = defineAgent({
  name: 'reputation',
  version: '1.0.0',
  async onRequestHeaders(request) {
    if (request.uri === '/broken') throw new Error('a rule is broken');
    if (request.uri === '/static') return allow().cacheFor(5_000, { vary: ['accept'] });
    const answer = await fetch(`${service}/score?path=${encodeURIComponent(request.uri)}`);
    const verdict = await answer.text();
    metrics.count('reputation_lookups_total', { verdict });
    return verdict === 'bad' ? block(403, 'blocked') : allow();
  },
});
const server = await serveAgent(agent, {
  listen: [listen],
  tracer,
  metrics,
  reportIntervalMs: 500,
  logger: { debug() {}, info() {}, warn() {}, error() {} },
});
process.once(
  'message',
  () =>
    void server
      .close()
      .then(end)
      .then(() => process.disconnect()),
);
process.send?.(server.endpoints[0]);
