import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Upstream of the demo: echoes requests, but never answers under `/slow`. */
export interface UpstreamServer {
  readonly url: string;
  /** Resolves when a request for `path` has arrived that is never answered. */
  arrived(path: string): Promise<void>;
  close(): Promise<void>;
}

/** Starts it on a free port. */
export async function startUpstream(): Promise<UpstreamServer> {
  const waiting = new Map<string, () => void>();
  const server = createServer((request, response) => {
    if (request.url?.startsWith('/slow')) {
      waiting.get(request.url)?.();
      waiting.delete(request.url);
      return;
    }
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = JSON.stringify({
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: Buffer.concat(parts).toString(),
      });
      response
        .writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
        .end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    arrived: (path) => new Promise((resolve) => waiting.set(path, resolve)),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
