import { Pipeline } from '@agentwire/pipeline';
import { settingsOf, stepsOf } from '@agentwire/pipeline/internal';
import type { Deadlines } from '../deadlines.ts';
import type { ResolvedGatewayOptions } from '../options/resolve-options.ts';
import type { StallWatch } from '../response/stall-watch.ts';
import type { UpstreamSender } from '../upstream/upstream-messages.ts';
import type { RouteOptions } from './route-options.ts';

/** Everything that requests of one route share. */
export interface Route {
  /** Name for logs; empty where there are no routes. */
  readonly name: string;
  /** Options of the gateway, with those of the route over them. */
  readonly options: ResolvedGatewayOptions;
  readonly upstream: UpstreamSender;
  readonly retries: number | undefined;
  readonly deadlines: Deadlines;
  readonly stalls: StallWatch;
  /** Pipeline of all requests without trailers, where no agent is asked: nothing changes it. */
  readonly unasked: Pipeline | undefined;
}

type Parts = Pick<Route, 'deadlines' | 'stalls'>;

const bodyMode = (mode: string): 'stream' | 'buffer' => (mode === 'stream' ? 'stream' : 'buffer');

/** Returns a route: the options of the gateway with those of the route over them. */
export function routeOf(
  options: ResolvedGatewayOptions,
  route: RouteOptions,
  name: string,
  upstream: UpstreamSender,
  parts: Parts,
): Route {
  const { pipeline, agentSettings, requestBody, responseBody, retries } = route;
  const merged: ResolvedGatewayOptions = {
    ...options,
    steps: pipeline === undefined ? options.steps : stepsOf(pipeline),
    agentSettings: agentSettings === undefined ? options.agentSettings : settingsOf(agentSettings),
    decisionTimeoutMs: route.decisionTimeoutMs ?? options.decisionTimeoutMs,
    maxRequestBodyBytes: route.maxRequestBodyBytes ?? options.maxRequestBodyBytes,
    requestBody: requestBody === undefined ? options.requestBody : bodyMode(requestBody),
    responseBody: responseBody === undefined ? options.responseBody : bodyMode(responseBody),
    maxBufferedBodyBytes: route.maxBufferedBodyBytes ?? options.maxBufferedBodyBytes,
    trailers: route.trailers ?? options.trailers,
    maxChunkBytes: route.maxChunkBytes ?? options.maxChunkBytes,
  };
  const unasked = merged.steps.length === 0 ? new Pipeline(merged) : undefined;
  return { name: route.name ?? name, options: merged, upstream, retries, unasked, ...parts };
}
