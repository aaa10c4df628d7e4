import type { createAdminServer, Gateway } from '@agentwire/gateway';
import type { MetricsCollector } from '@agentwire/metrics';
import type { AgentPool } from '@agentwire/pool';

/** Metrics of one gateway. */
export interface Measures {
  readonly collector: MetricsCollector;
  /** Page of the admin server. */
  readonly handlers: NonNullable<Parameters<typeof createAdminServer>[0]['handlers']>;
  /** Begins to read gauges of a pool, a gateway and the event loop. @returns a function that ends it */
  observe(pool: AgentPool, gateway: Gateway): () => void;
}

/** Loads the metrics, which `agentwire` commands without an admin server do not need. */
export async function measure(): Promise<Measures> {
  const { MetricsCollector, metricsHandler, observeEventLoop, observeGateway, observePool } =
    await import('@agentwire/metrics');
  const collector = new MetricsCollector();
  return {
    collector,
    handlers: { '/metrics': metricsHandler(collector) },
    observe(pool, gateway) {
      const ends = [observePool(collector, pool), observeGateway(collector, gateway), observeEventLoop(collector)];
      return () => {
        for (const end of ends) end();
      };
    },
  };
}
