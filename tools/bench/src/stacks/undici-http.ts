import { once } from 'node:events';
import { createServer } from 'node:http';
import { Pool } from 'undici';
import { closeServer } from '../raw/frames.ts';
import type { Stack } from './stack.ts';
import { eventOf } from './workload.ts';

const ANSWER = JSON.stringify({
  verdict: { type: 'allow' },
  requestHeaders: [{ op: 'set', name: 'x-agent', value: 'allow' }],
  audit: { tags: ['seen'] },
});

/** Yardstick: one HTTP request a question, undici to `node:http` over a Unix socket. */
export const undiciHttp: Stack = {
  name: 'undici-http',
  place: 'uds',
  async serve(where) {
    const server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const event = JSON.parse(Buffer.concat(parts).toString()) as { readonly uri: string };
        response.writeHead(event.uri === '' ? 400 : 200, {
          'content-type': 'application/json',
          'content-length': ANSWER.length,
        });
        response.end(ANSWER);
      });
    });
    server.keepAliveTimeout = 60_000;
    server.listen(where.slice('unix:'.length));
    await once(server, 'listening');
    const close = (): Promise<void> => {
      server.closeAllConnections();
      return closeServer(server, []);
    };
    return { address: where, close };
  },
  connect(address, inFlight) {
    const pool = new Pool('http://localhost', {
      socketPath: address.slice('unix:'.length),
      connections: Math.min(inFlight, 64),
    });
    const headers = { 'content-type': 'application/json' };
    const ask = async (n: number): Promise<unknown> => {
      const request = { path: '/', method: 'POST' as const, headers, body: JSON.stringify(eventOf(n)) };
      const { body } = await pool.request(request);
      return body.json();
    };
    return Promise.resolve({ ask, close: () => pool.close() });
  },
};
