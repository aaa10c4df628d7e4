import type { IncomingMessage, ServerResponse } from 'node:http';
import type { MetricsCollector } from './metrics-collector.ts';
import { CONTENT_TYPES } from './prometheus.ts';

/** Tells whether an `Accept` header prefers OpenMetrics to plain text. */
function prefersOpenMetrics(accept = ''): boolean {
  const quality = (type: string): number => {
    const range = accept.split(',').find((one) => one.trim().startsWith(type));
    return range === undefined ? 0 : Number(/;\s*q=([\d.]+)/.exec(range)?.[1] ?? 1);
  };
  const open = quality('application/openmetrics-text');
  return open > 0 && open >= quality('text/plain');
}

/**
 * Creates a `node:http` listener: answers GET and HEAD of one path with OpenMetrics where the client's `Accept` prefers it, else with
 * Prometheus text; any other path with 404. It has no access check; serve it on a private address.
 *
 * @param path path without a query; default `/metrics`
 */
export function metricsHandler(
  collector: MetricsCollector,
  path = '/metrics',
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    if (request.url?.split('?', 1)[0] !== path) {
      response.writeHead(404).end();
      return;
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
      return;
    }
    const format = prefersOpenMetrics(request.headers.accept) ? 'openmetrics' : 'prometheus';
    const text = collector.exportPrometheus(format);
    response.writeHead(200, {
      'content-type': CONTENT_TYPES[format],
      'content-length': Buffer.byteLength(text),
      'cache-control': 'no-store',
    });
    response.end(request.method === 'HEAD' ? undefined : text);
  };
}
