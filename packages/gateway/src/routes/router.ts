import type { HeaderList } from '@agentwire/core';
import { isAmbiguousPath } from '@agentwire/core/internal';
import { internHeaderName } from '@agentwire/headers';
import { coversHost, routeHost } from './host-match.ts';
import { exactPath, type MatchedPath, matchedPath, type PathMatch, prefixPath } from './path-match.ts';
import { regexPath } from './path-regex.ts';
import type { RouteOptions } from './route-options.ts';

/** The parts of a request that routes are matched with. */
export interface RoutedRequest {
  readonly method: string;
  /** Path and query, or `*`. */
  readonly path: string;
  readonly host: string | undefined;
  /** Lines as agents see them: a client's own forwarded headers choose no route. */
  readonly lines: HeaderList;
}

/** A route with what it stands for. */
export interface Entry<T> {
  readonly options: RouteOptions;
  readonly value: T;
}

/** Route that was matched, with the path for agents and upstream. */
export interface Matched<T> {
  readonly value: T;
  readonly path: string;
}

interface Compiled<T> extends Entry<T> {
  readonly hosts: readonly string[] | undefined;
  readonly matchPath: PathMatch | undefined;
  /** First segment of every path that it matches; `undefined` where any matches. */
  readonly segment: string | undefined;
}

/** Routes for one host, by the first segment of their path. */
interface Bucket<T> {
  readonly bySegment: ReadonlyMap<string, readonly Compiled<T>[]>;
  /** Routes for every other path. */
  readonly rest: readonly Compiled<T>[];
}

/** Returns the first segment of a path: `a` of `/a/b`. */
function firstSegment(path: string): string {
  const end = path.indexOf('/', 1);
  return end === -1 ? path.slice(1) : path.slice(1, end);
}

function compile<T>({ options, value }: Entry<T>): Compiled<T> {
  const { host, path, pathPrefix, pathRegex } = options;
  const hosts = host === undefined ? undefined : [host].flat().map((name) => name.toLowerCase());
  const matchPath =
    path !== undefined
      ? exactPath(path)
      : pathPrefix !== undefined
        ? prefixPath(pathPrefix)
        : pathRegex !== undefined
          ? regexPath(pathRegex)
          : undefined;
  const fixed = path ?? (pathPrefix === '/' ? undefined : pathPrefix);
  return { options, value, hosts, matchPath, segment: fixed === undefined ? undefined : firstSegment(fixed) };
}

function bucketOf<T>(routes: readonly Compiled<T>[]): Bucket<T> {
  const segments = new Set(routes.flatMap(({ segment }) => (segment === undefined ? [] : [segment])));
  const of = (segment: string): Compiled<T>[] =>
    routes.filter((route) => route.segment === undefined || route.segment === segment);
  return {
    bySegment: new Map([...segments].map((segment) => [segment, of(segment)])),
    rest: routes.filter(({ segment }) => segment === undefined),
  };
}

function hasHeaders(wanted: Readonly<Record<string, string>>, lines: HeaderList): boolean {
  return Object.entries(wanted).every(([name, value]) => {
    const lower = name.toLowerCase();
    for (let at = 0; at < lines.length; at += 2)
      if (internHeaderName(lines[at] as string) === lower && (value === '*' || lines[at + 1] === value)) return true;
    return false;
  });
}

/** Rewrites the path of a target: `rest` is what follows the matched prefix. */
function rewritten(target: string, path: MatchedPath, rest: string, prefix: string): string {
  const base = prefix.endsWith('/') ? prefix.slice(0, -1) : prefix;
  const joined = base + rest;
  return (joined === '' ? '/' : joined) + target.slice(path.sent.length);
}

/**
 * Finds the first route, in their order, that matches a request.
 *
 * Routes are kept per host and first segment of the path, so that the number of routes for other hosts and paths costs nothing.
 */
export class Router<T> {
  readonly #byHost = new Map<string, Bucket<T>>();
  /** Hosts with `*.`, the longest first. */
  readonly #wildcards: readonly string[];
  readonly #anyHost: Bucket<T>;
  readonly #matchesPaths: boolean;

  constructor(entries: readonly Entry<T>[]) {
    const routes = entries.map((entry) => compile(entry));
    const hosts = new Set(routes.flatMap((route) => route.hosts ?? []));
    for (const host of hosts) {
      const covering = routes.filter(
        (route) => route.hosts === undefined || route.hosts.some((one) => coversHost(one, host)),
      );
      this.#byHost.set(host, bucketOf(covering));
    }
    this.#anyHost = bucketOf(routes.filter((route) => route.hosts === undefined));
    this.#wildcards = [...hosts].filter((host) => host.startsWith('*.')).toSorted((a, b) => b.length - a.length);
    this.#matchesPaths = routes.some(({ matchPath }) => matchPath !== undefined);
  }

  #bucket(host: string | undefined): Bucket<T> {
    if (host === undefined) return this.#anyHost;
    const name = routeHost(host);
    const exact = this.#byHost.get(name);
    if (exact !== undefined) return exact;
    const wildcard = this.#wildcards.find((one) => coversHost(one, name));
    return (wildcard === undefined ? undefined : this.#byHost.get(wildcard)) ?? this.#anyHost;
  }

  /** Returns whether a path must be refused, because servers differ in which resource it names, and routes depend on it. */
  isRefused(target: string): boolean {
    if (!this.#matchesPaths) return false;
    const query = target.indexOf('?');
    return isAmbiguousPath(query === -1 ? target : target.slice(0, query));
  }

  /** Returns the route of a request; `undefined` where none matches. */
  find({ method, path: target, host, lines }: RoutedRequest): Matched<T> | undefined {
    const { bySegment, rest } = this.#bucket(host);
    const path = matchedPath(target);
    for (const { options, value, matchPath } of bySegment.get(firstSegment(path.plain)) ?? rest) {
      const after = matchPath === undefined ? '' : matchPath(path);
      if (after === undefined) continue;
      const { methods, headers, rewritePrefix } = options;
      if (methods !== undefined && !methods.includes(method)) continue;
      if (headers !== undefined && !hasHeaders(headers, lines)) continue;
      // `*` is this server, and has no path
      const isKept = rewritePrefix === undefined || target === '*';
      return { value, path: isKept ? target : rewritten(target, path, after, rewritePrefix) };
    }
    return undefined;
  }
}
