import type { IncomingMessage, ServerResponse } from 'node:http';
import type { MetricsCollector } from './metrics-collector.ts';
import { CONTENT_TYPES } from './prometheus.ts';

/**
 * Creates a `node:http` listener for `/metrics`: answers GET and HEAD with OpenMetrics where the client's `Accept` names it, else with
 * Prometheus text. It has no access check; serve it on a private address.
 */
export function metricsHandler(
  collector: MetricsCollector,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
      return;
    }
    const format = request.headers.accept?.includes('application/openmetrics-text') ? 'openmetrics' : 'prometheus';
    const text = collector.exportPrometheus(format);
    response.writeHead(200, {
      'content-type': CONTENT_TYPES[format],
      'content-length': Buffer.byteLength(text),
      'cache-control': 'no-store',
    });
    response.end(request.method === 'HEAD' ? undefined : text);
  };
}
