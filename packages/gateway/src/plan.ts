import type { ClientRequest } from './client-messages.ts';
import { clientHeaders } from '@agentwire/pipeline/internal';
import { Deadlines } from './deadlines.ts';
import { type ResolvedGatewayOptions, shortestTimeoutMs } from './options/resolve-options.ts';
import { clientOf, peerOf, type RequestHead } from './request/request-head.ts';
import { targetOf } from './request/target.ts';
import { BadRequest, NoRoute } from './response/refusal.ts';
import { StallWatch } from './response/stall-watch.ts';
import { type Route, routeOf } from './routes/route.ts';
import { Router } from './routes/router.ts';
import type { UpstreamSender } from './upstream/upstream-messages.ts';
import { Upstreams } from './upstream/upstreams.ts';

/** A request with its route. */
export interface RoutedHead {
  readonly route: Route;
  /** An error where the gateway itself refuses the request. */
  readonly head: RequestHead | BadRequest | NoRoute;
}

/** Everything that a reload replaces at once: options, routes and upstreams. A request keeps the plan that it started with. */
export class Plan {
  readonly options: ResolvedGatewayOptions;
  readonly stalls: StallWatch;
  readonly deadlines: Deadlines;
  readonly upstreams: Upstreams;
  /** Route of everything where there are no routes; else that of requests which no route matches. */
  readonly #first: Route;
  readonly #router: Router<Route> | undefined;
  readonly #routes: readonly Route[];
  /** Requests that have begun with it and are not over. */
  #active = 0;
  readonly #over: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  #replaced = false;

  /** @param before plan that is replaced: unchanged upstreams keep their connections */
  constructor(options: ResolvedGatewayOptions, before?: Plan) {
    this.options = options;
    this.deadlines = new Deadlines(options, shortestTimeoutMs(options));
    this.upstreams = new Upstreams(options, this.deadlines, before?.upstreams);
    this.stalls = new StallWatch(this.deadlines, options.clientStallTimeoutMs, () => this.upstreams.contended);
    const parts = { deadlines: this.deadlines, stalls: this.stalls };
    const upstreamOf = (name: string | undefined): UpstreamSender => this.upstreams.get(name);
    const { routes } = options;
    this.#routes = routes.map((route, at) =>
      routeOf(options, route, `route ${at + 1}`, upstreamOf(route.upstream), parts),
    );
    this.#router =
      routes.length === 0
        ? undefined
        : new Router(routes.map((route, at) => ({ options: route, value: this.#routes[at] as Route })));
    this.#first = routeOf(options, {}, '', this.upstreams.first, parts);
    this.upstreams.seal();
  }

  /** Ends what only this plan uses once its requests are over; new ones begin with another plan. Resolves then. */
  replace(): Promise<void> {
    this.#replaced = true;
    this.#endIfReplaced();
    return this.#over.promise;
  }

  /** Counts the end of a request. */
  ended(): void {
    this.#active -= 1;
    if (this.#replaced) this.#endIfReplaced();
  }

  #endIfReplaced(): void {
    if (this.#active > 0) return;
    this.upstreams.release();
    this.options.onReplaced?.();
    this.#over.resolve();
  }

  /** Names of all agents that are asked. */
  get agents(): readonly string[] {
    const routes = this.#router === undefined ? [this.#first] : this.#routes;
    return [...new Set(routes.flatMap(({ options }) => options.steps.flat()))];
  }

  /** Reads the head of a request, and finds its route. Call {@link ended} when the request is over, whatever this throws. */
  open(request: ClientRequest): RoutedHead {
    const { options } = this;
    this.#active += 1;
    try {
      const target = targetOf(request, options);
      const { path, host } = target;
      const peer = peerOf(request, options.proxies);
      const lines = clientHeaders(target.headers, host, peer, options);
      const client = clientOf(request, peer, options.proxies);
      if (this.#router === undefined) return { route: this.#first, head: { path, host, lines, client } };
      return this.#routed(this.#router, request.method ?? 'GET', { path, host, lines, client });
    } catch (error) {
      if (error instanceof BadRequest || error instanceof NoRoute) return { route: this.#first, head: error };
      throw error;
    }
  }

  #routed(router: Router<Route>, method: string, head: RequestHead): RoutedHead {
    if (router.isRefused(head.path))
      throw new BadRequest(
        400,
        'the path is ambiguous: it has //, a . or .. segment, or an escaped slash or backslash',
      );
    const found = router.find({ method, ...head });
    if (found === undefined) throw new NoRoute();
    return { route: found.value, head: found.path === head.path ? head : { ...head, path: found.path } };
  }
}
