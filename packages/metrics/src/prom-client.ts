import type { MetricsCollector } from './metrics-collector.ts';
import { exportText } from './prometheus.ts';

/** Part of a `prom-client` registry that {@link joinPromClient} uses. */
export interface PromClientRegistry {
  metrics(): Promise<string>;
}

/**
 * Joins a collector with a `prom-client` registry for programs that already export one: the text of the registry, then the collector's
 * metrics, as one valid page. A metric that both have is taken from the registry.
 *
 * @returns a function that gives the page, Prometheus 0.0.4; it rejects if the registry does
 */
export function joinPromClient(collector: MetricsCollector, registry: PromClientRegistry): () => Promise<string> {
  return async () => {
    const text = (await registry.metrics()).trimEnd();
    const taken = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
    const rest = exportText(
      collector.families().filter(({ name }) => !taken.has(name)),
      'prometheus',
    );
    return text === '' ? rest : `${text}\n${rest}`;
  };
}
