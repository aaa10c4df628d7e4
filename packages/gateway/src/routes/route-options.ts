import { AgentwireError } from '@agentwire/core';
import {
  checkKnownOptions,
  checkObject,
  described,
  OPTION,
  type OptionCheck,
  type OptionTable,
} from '@agentwire/core/internal';
import { checkHeaderName } from '@agentwire/headers';
import type { AgentOrder, AgentSettings } from '@agentwire/pipeline';
import { checkAgentOrder, checkAgentSettings } from '@agentwire/pipeline/internal';
import { type BodyMode, checkBodyMode } from '../options/body-mode.ts';
import type { TrailerMode } from '../options/trailer-mode.ts';
import { checkRouteHost } from './host-match.ts';
import { checkRoutePath } from './path-match.ts';
import { checkPathRegex } from './path-regex.ts';

/** One route: what it matches, and what is done with a request that it matches. The first route that matches is taken. */
export interface RouteOptions {
  /** Name for logs and the request's summary; default its place in the list, as `route 1`. */
  readonly name?: string | undefined;
  /** Host, or hosts, without port; `*.NAME` is every name below it. Default any. */
  readonly host?: string | readonly string[] | undefined;
  /** One whole path. Default any. Give at most one of `path`, `pathPrefix`, `pathRegex`. */
  readonly path?: string | undefined;
  /** Path with everything below it: `/api` matches `/api` and `/api/x`, not `/apix`. Default any. */
  readonly pathPrefix?: string | undefined;
  /** Expression in RE2 syntax for the whole path, matched in linear time; at most 1 000 characters. Default any. */
  readonly pathRegex?: string | undefined;
  /** Methods, in capitals. Default any; `GET` does not include `HEAD`. */
  readonly methods?: readonly string[] | undefined;
  /** Values that headers must have; `*` for any value. Default none. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Name of one of `upstreams`, or an address as in `upstream`. Default the gateway's `upstream`. */
  readonly upstream?: string | undefined;
  /** Agents in the order they are asked; those in an inner list are asked together. Default those of the gateway. */
  readonly pipeline?: AgentOrder | undefined;
  /** Timeout and failure policy of single agents on this route. Default those of the pool. */
  readonly agentSettings?: Readonly<Record<string, AgentSettings>> | undefined;
  /** Path in place of the matched `pathPrefix`, before agents see it; `/` takes the prefix away. Default none. */
  readonly rewritePrefix?: string | undefined;
  /**
   * Further attempts, each on another target where there is one, when a target cannot be reached, or loses the connection of
   * an idempotent request before any byte of its response; default 1, at most 10. A body must be repeatable, or unsent.
   */
  readonly retries?: number | undefined;
  /** Time that one decision may take, in milliseconds; default that of the gateway, as for all options below. */
  readonly decisionTimeoutMs?: number | undefined;
  /** Longest request body, in bytes, past which the client gets 413; default that of the gateway. */
  readonly maxRequestBodyBytes?: number | undefined;
  /** Handling of a request's body that agents read, see `gateway.requestBody`; default that of the gateway. */
  readonly requestBody?: BodyMode | undefined;
  /** Handling of a response's body that agents read, see `gateway.responseBody`; default that of the gateway. */
  readonly responseBody?: BodyMode | undefined;
  /** Longest body that is buffered, in bytes; default that of the gateway. */
  readonly maxBufferedBodyBytes?: number | undefined;
  /** Longest piece of a body in one event, in bytes; default that of the gateway. */
  readonly maxChunkBytes?: number | undefined;
  /** Trailers that pass, see `gateway.trailers`; default that of the gateway. */
  readonly trailers?: TrailerMode | undefined;
}

const METHOD = /^[!#$%&'*+.^_`|~0-9A-Z-]{1,32}$/;

const checkMethod: OptionCheck = described(
  () => ({ type: 'string', pattern: METHOD.source }),
  (name, value) => {
    if (typeof value === 'string' && METHOD.test(value)) return;
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name} must be a method in capitals, such as GET`);
  },
);

const checkHeaders: OptionCheck = described(
  () => ({ type: 'object', additionalProperties: { type: 'string', minLength: 1 } }),
  (name, value) => {
    for (const [header, wanted] of Object.entries(checkObject(name, value as object))) {
      try {
        checkHeaderName(header);
      } catch (cause) {
        throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name}: ${(cause as Error).message}`, { cause });
      }
      OPTION.text(`${name}.${header}`, wanted);
    }
  },
);

const path = described(() => ({ type: 'string', pattern: '^/[^?#;]*$' }), checkRoutePath);

/** Rows of the options of a route, in the order of the page. */
export const ROUTE_TABLE: OptionTable<RouteOptions> = {
  name: OPTION.text,
  host: OPTION.oneOrMore(described(() => ({ type: 'string', minLength: 1, maxLength: 255 }), checkRouteHost)),
  path,
  pathPrefix: path,
  pathRegex: described(() => ({ type: 'string', minLength: 1, maxLength: 1_000 }), checkPathRegex),
  methods: OPTION.listOf(checkMethod),
  headers: checkHeaders,
  upstream: OPTION.text,
  pipeline: checkAgentOrder,
  agentSettings: checkAgentSettings,
  rewritePrefix: path,
  retries: OPTION.integer(0, 10),
  decisionTimeoutMs: OPTION.integer(1, 86_400_000),
  maxRequestBodyBytes: OPTION.integer(0, Number.MAX_SAFE_INTEGER),
  requestBody: checkBodyMode,
  responseBody: checkBodyMode,
  maxBufferedBodyBytes: OPTION.integer(0, Number.MAX_SAFE_INTEGER),
  maxChunkBytes: OPTION.integer(1, 16 * 1024 ** 2),
  trailers: OPTION.oneOf('none', 'grpc', 'response', 'both'),
};

const PATHS = ['path', 'pathPrefix', 'pathRegex'] as const;

/** Checks one route. @param name its place, for errors. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function checkRoute(name: string, route: RouteOptions): void {
  OPTION.nested(ROUTE_TABLE)(name, route);
  checkKnownOptions(name, route, Object.keys(ROUTE_TABLE));
  const paths = PATHS.filter((key) => route[key] !== undefined);
  if (paths.length > 1)
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name} has ${paths.join(' and ')}; give one of them`);
  if (route.rewritePrefix !== undefined && route.pathPrefix === undefined)
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name}.rewritePrefix needs a pathPrefix, which it replaces`);
}
