import type { IncomingMessage, ServerResponse } from 'node:http';
import type { MetricsCollector } from './metrics-collector.ts';
import { CONTENT_TYPES, exportPieces } from './prometheus.ts';

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
  collector: Pick<MetricsCollector, 'families'>,
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
    response.writeHead(200, { 'content-type': CONTENT_TYPES[format], 'cache-control': 'no-store' });
    if (request.method === 'HEAD') response.end();
    else writePieces(response, exportPieces(collector.families(), format));
  };
}

/** Writes a page piece by piece, so that other work gets its turn between two pieces, and a slow reader gets no more than it takes. */
function writePieces(response: ServerResponse, pieces: Iterator<string>): void {
  const next = (): void => {
    if (response.destroyed) return;
    const { done, value } = pieces.next();
    if (done === true) response.end();
    else if (response.write(value)) setImmediate(next);
    else response.once('drain', next);
  };
  next();
}
