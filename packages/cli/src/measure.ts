import type { createAdminServer, Gateway } from '@agentwire/gateway';
import type { MetricsCollector } from '@agentwire/metrics';
import type { ProcessMetrics } from '@agentwire/metrics/internal';
import type { AgentPool } from '@agentwire/pool';

/** Metrics of one gateway. */
export interface Measures {
  readonly collector: MetricsCollector;
  /** Page of the admin server. */
  readonly handlers: NonNullable<Parameters<typeof createAdminServer>[0]['handlers']>;
  /** Returns the metrics of this process, to be added to those of others. */
  ofProcess(): ProcessMetrics;
  /** Begins to read gauges of a pool, a gateway and the event loop. @returns a function that ends it */
  observe(pool: AgentPool, gateway: Gateway): () => void;
}

/** Loads the metrics, which `agentwire` commands without an admin server do not need. */
export async function measure(): Promise<Measures> {
  const [{ MetricsCollector, metricsHandler, observeEventLoop, observeGateway, observePool }, { snapshotOf }] =
    await Promise.all([import('@agentwire/metrics'), import('@agentwire/metrics/internal')]);
  const collector = new MetricsCollector();
  return {
    collector,
    ofProcess: () => snapshotOf(collector.families(true)).families,
    handlers: { '/metrics': metricsHandler(collector) },
    observe(pool, gateway) {
      const ends = [observePool(collector, pool), observeGateway(collector, gateway), observeEventLoop(collector)];
      return () => {
        for (const end of ends) end();
      };
    },
  };
}
