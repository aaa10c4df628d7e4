import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Logger } from '@agentwire/core';
import {
  checkKnownOptions,
  checkLogger,
  checkMethods,
  countRepeats,
  OPTION,
  type OptionTable,
  silentLogger,
} from '@agentwire/core/internal';
import type { AgentPoolStats } from '@agentwire/pool';
import { checkHostName, createHostCheck } from './admin-host.ts';
import type { Gateway } from './gateway.ts';
import { guarded } from './guarded.ts';
import { listenOn, type ListenAddress } from './listen.ts';

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

/** Options of `createAdminServer`. */
export interface AdminOptions {
  readonly gateway: Pick<Gateway, 'stats'>;
  readonly pool: { readonly stats: AgentPoolStats };
  /** Further pages by path, such as `/metrics`. A page that throws is answered 500. */
  readonly pages?: Readonly<Record<string, () => { readonly type: string; readonly body: string }>>;
  /**
   * Listeners by path that answer GET and HEAD by themselves, such as `metricsHandler(collector)` of `@agentwire/metrics` for
   * `/metrics`, which writes a large page in pieces.
   */
  readonly handlers?: Readonly<Record<string, Listener>>;
  /** Names that `Host` may have besides `localhost` and IP literals, without port; default none. Others are answered 403. */
  readonly hosts?: readonly string[];
  /** Answers `POST /-/reload`, with `authorization: Bearer TOKEN` or over a Unix socket; default none, and the path is 404. */
  readonly reload?: AdminReload;
  readonly logger?: Logger;
}

/** Reload over the admin server. */
export interface AdminReload {
  /**
   * Secret that the request must have, or a function that returns it, called for every such request; without one only requests over a
   * Unix socket may reload, whose mode says who they are.
   */
  readonly token?: string | (() => string | undefined) | undefined;
  /** Reloads; what it rejects with is the body of a 422. */
  readonly run: () => Promise<void>;
}

/**
 * Health and state of a gateway over HTTP: `/livez`, `/readyz`, `/debug/state`. Answers GET and HEAD only, except `POST /-/reload`. Bind it where
 * only operators reach it.
 */
export interface AdminServer {
  /** Serves on an address, or on a Unix socket. @returns the address, as `http://HOST:PORT` or `unix:PATH`. @throws AgentwireError `ERR_CONNECT`, `ERR_INVALID_ARGUMENT` */
  listen(options: ListenAddress | { readonly path: string }): Promise<string>;
  /** Makes `/readyz` answer 503. */
  startDraining(): void;
  close(): Promise<void>;
}

interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly allow?: string;
}

const TEXT = 'text/plain; charset=utf-8';
const text = (status: number, body: string): Page => ({ status, type: TEXT, body: `${body}\n` });

const RELOAD: OptionTable<AdminReload> = {
  token: (name, value) => {
    if (typeof value !== 'function') OPTION.secret(name, value);
  },
  run: OPTION.function,
};
const RELOAD_PATH = '/-/reload';

const NO_TOKEN =
  'there is no reload here without a token: set adminTokenFile (in code: reload.token), or serve this address on a Unix socket, admin: unix:PATH';

const digest = (secret: string): Buffer => createHash('sha256').update(secret).digest();

/** Returns whether a request shows the token; in constant time. */
function hasToken(authorization: string | undefined, token: string): boolean {
  return timingSafeEqual(digest(authorization ?? ''), digest(`Bearer ${token}`));
}

function checkOptions(options: AdminOptions): AdminOptions {
  checkKnownOptions('createAdminServer', options, [
    'gateway',
    'pool',
    'pages',
    'handlers',
    'hosts',
    'reload',
    'logger',
  ]);
  checkMethods('gateway', options.gateway, []);
  checkMethods('pool', options.pool, []);
  for (const host of checkMethods('hosts', options.hosts ?? [], ['map', 'includes'])) checkHostName('hosts', host);
  if (options.reload !== undefined) OPTION.nested(RELOAD)('reload', options.reload);
  if (options.pages !== undefined) checkMethods('pages', options.pages, Object.keys(options.pages));
  if (options.handlers !== undefined) checkMethods('handlers', options.handlers, Object.keys(options.handlers));
  return options;
}

/** Returns a line for each agent of a pool without a connection, which makes `/readyz` answer 503. */
export function unconnected({ agents }: AgentPoolStats): string[] {
  return agents.filter(({ connections }) => connections === 0).map(({ name }) => `${name} is not connected`);
}

/** Creates an {@link AdminServer}. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function createAdminServer(options: AdminOptions): AdminServer {
  const { gateway, pool, pages = {}, handlers = {}, hosts = [], reload } = checkOptions(options);
  const logger = countRepeats(checkLogger(options.logger ?? silentLogger));
  const isAllowedHost = createHostCheck(hosts);
  let draining = false;
  const paths = new Set(['/livez', '/readyz', '/debug/state', ...Object.keys(pages), ...Object.keys(handlers)]);
  const unready = (): string[] => {
    const down = unconnected(pool.stats);
    return draining ? ['draining', ...down] : down;
  };
  const pageAt = (path: string): Page => {
    if (Object.hasOwn(pages, path)) return { status: 200, ...pages[path]?.() } as Page;
    if (path === '/livez') return text(200, 'ok');
    if (path === '/readyz') {
      const why = unready();
      return why.length === 0 ? text(200, 'ok') : text(503, why.join('\n'));
    }
    if (path === '/debug/state') {
      const state = { gateway: { ...gateway.stats, draining }, pool: pool.stats };
      return { status: 200, type: 'application/json', body: JSON.stringify(state, null, 2) };
    }
    return text(404, `try ${[...paths].join(', ')}`);
  };
  const reloaded = async (method: string | undefined, authorization: string | undefined): Promise<Page> => {
    if (reload === undefined) return text(404, 'there is no reload here');
    if (method !== 'POST') return { ...text(405, 'POST only'), allow: 'POST' };
    const token = typeof reload.token === 'function' ? reload.token() : reload.token;
    if (token === undefined) {
      if (typeof server.address() !== 'string') return text(404, NO_TOKEN);
    } else if (!hasToken(authorization, token)) return text(401, 'needs authorization: Bearer TOKEN');
    try {
      await reload.run();
      return text(200, 'reloaded');
    } catch (error) {
      return text(422, (error as Error).message);
    }
  };
  const answerTo = ({ method, url = '/', headers }: IncomingMessage): Page | Promise<Page> | Listener => {
    if (!isAllowedHost(headers.host))
      return text(
        403,
        'this Host is not one of the admin server: add its name to adminHosts (--admin-host; in code: hosts)',
      );
    // not parsed as a URL: a target may be anything that is not white space
    const path = url.split('?', 1)[0] ?? '/';
    if (path === RELOAD_PATH) return reloaded(method, headers.authorization);
    if (method !== 'GET' && method !== 'HEAD') return { ...text(405, 'GET and HEAD only'), allow: 'GET, HEAD' };
    return (Object.hasOwn(handlers, path) ? handlers[path] : undefined) ?? pageAt(path);
  };
  const send = (response: ServerResponse, { status, type, body, allow }: Page): void => {
    const headers = { 'content-type': type, 'cache-control': 'no-store', ...(allow !== undefined && { allow }) };
    response.writeHead(status, headers).end(body);
  };
  const server = createServer(
    guarded(
      'a page of the admin server',
      logger,
      async (request: IncomingMessage, response: ServerResponse) => {
        const found = answerTo(request);
        if (typeof found === 'function') found(request, response);
        else send(response, found instanceof Promise ? await found : found);
      },
      (_request, response) => {
        if (response.headersSent) response.destroy();
        else send(response, text(500, 'this page failed; see the log'));
      },
    ),
  );
  return {
    listen: (where) => listenOn(server, where),
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
