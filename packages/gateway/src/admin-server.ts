import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { toAgentwireError } from '@agentwire/core';
import type { AgentPoolStats } from '@agentwire/pool';
import type { Gateway } from './gateway.ts';

/** What the admin server shows. */
export interface AdminOptions {
  readonly gateway: Pick<Gateway, 'stats'>;
  readonly pool: { readonly stats: AgentPoolStats };
  /** More to serve, by path: text for `/metrics`, say. */
  readonly pages?: Readonly<Record<string, () => { readonly type: string; readonly body: string }>>;
}

/** Health and state of a gateway over HTTP: `/livez`, `/readyz`, `/debug/state`. Bind it where only operators reach it. */
export interface AdminServer {
  /** @returns the address, as `http://HOST:PORT` */
  listen(options: { readonly host: string; readonly port: number }): Promise<string>;
  /** From now on `/readyz` says no. */
  startDraining(): void;
  close(): Promise<void>;
}

/** Makes an {@link AdminServer}. */
export function createAdminServer(options: AdminOptions): AdminServer {
  let draining = false;
  const unready = (): string[] => {
    const down = options.pool.stats.agents
      .filter(({ connections }) => connections === 0)
      .map(({ name }) => `${name} is not connected`);
    return draining ? ['draining', ...down] : down;
  };
  const answer = (path: string): { status: number; type: string; body: string } => {
    const type = 'text/plain; charset=utf-8';
    const page = options.pages?.[path];
    if (page !== undefined) return { status: 200, ...page() };
    if (path === '/livez') return { status: 200, type, body: 'ok\n' };
    if (path === '/readyz') {
      const why = unready();
      return why.length === 0
        ? { status: 200, type, body: 'ok\n' }
        : { status: 503, type, body: `${why.join('\n')}\n` };
    }
    if (path === '/debug/state') {
      const state = { gateway: { ...options.gateway.stats, draining }, pool: options.pool.stats };
      return { status: 200, type: 'application/json', body: JSON.stringify(state, null, 2) };
    }
    return { status: 404, type, body: 'try /livez, /readyz or /debug/state\n' };
  };
  const server = createServer((request, response) => {
    const { status, type, body } = answer(new URL(request.url ?? '/', 'http://admin').pathname);
    response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
  });
  return {
    listen: ({ host, port }) =>
      new Promise((resolve, reject) => {
        server.once('error', (error) =>
          reject(toAgentwireError(error, 'ERR_CONNECT', `cannot listen on ${host}:${port}`)),
        );
        server.listen(port, host, () => {
          const { address, family, port: bound } = server.address() as AddressInfo;
          resolve(`http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`);
        });
      }),
    startDraining() {
      draining = true;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
