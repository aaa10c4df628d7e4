import type { Audit, Clock, Decision, Logger, MetricsRecorder, Tracer } from '@agentwire/core';
import type { AgentDirectory, AgentOrder, AgentSettings } from '@agentwire/pipeline';
import type { FailureKind } from '@agentwire/pool';
import type { Recording } from '../record/recording.ts';
import type { BodyMode } from './body-mode.ts';
import type { RouteOptions } from '../routes/route-options.ts';
import type { UpstreamConfig } from '../upstream/upstream-config.ts';
import type { ClientOptions } from './client-options.ts';
import type { TrailerMode } from './trailer-mode.ts';
import type { UpstreamOptions } from './upstream-options.ts';

/** Outcome of a request; passed to {@link GatewayOptions.onRequestEnd}. */
export interface RequestSummary {
  /** The gateway's id of the request, which agents see as `requestId`; unique among all gateways and restarts. */
  readonly id: string;
  readonly method: string;
  /** Target as the client sent it. */
  readonly uri: string;
  /** Name of the route; empty where there are no routes, or none matched. */
  readonly route: string;
  /** Status sent to the client; 0 when it left before one was sent. */
  readonly status: number;
  /** Status of a gRPC call as its client was sent it: the upstream's, or the gateway's own, such as 7 for a block. `undefined` where none was sent, and for other requests. */
  readonly grpcStatus?: number | undefined;
  /** `failed`: the upstream, an agent's answer or the request itself was at fault. `cancelled`: the client left. */
  readonly outcome: 'allowed' | 'blocked' | 'redirected' | 'challenged' | 'cancelled' | 'failed';
  /** The agent that blocked, redirected or challenged. */
  readonly agent?: string | undefined;
  /** Code of the error that a request `failed` with: `ERR_CONNECT`, `ERR_CLOSED`; `BadRequest` and `NoRoute` for requests that are refused. */
  readonly error?: string | undefined;
  /** The decision of that agent. */
  readonly decision?: Decision | undefined;
  /**
   * Agent whose failure policy made that decision; for requests that were not refused, the last one whose policy decided. `undefined` where
   * agents decided themselves.
   */
  readonly failed?: string | undefined;
  /** Kind of that agent's failure, as in `agent_failures_total`. */
  readonly reason?: FailureKind | undefined;
  /**
   * Rule ids, tags and reason codes of `decision`; for requests that were not refused, of all decisions on them, at most 16 of each if there
   * are several. `undefined` where there are none.
   */
  readonly audit?: Pick<Audit, 'ruleIds' | 'tags' | 'reasonCodes'> | undefined;
  /** Agents whose decision came from the pool's cache. */
  readonly cached?: readonly string[] | undefined;
  /** Time at which the request began, in milliseconds since 1970. */
  readonly startedAt: number;
  /** IP address of the client, behind proxies of `trustForwarded`; empty where there is none, as on a Unix socket. */
  readonly client: string;
  /** Protocol of the client: `HTTP/1.1`. */
  readonly protocol: string;
  /** Header `Referer` of the request. It may contain tokens. */
  readonly referer?: string | undefined;
  /** Header `User-Agent` of the request. */
  readonly userAgent?: string | undefined;
  /** Target that the request was sent to last; `undefined` where it was sent to none. */
  readonly upstream?: string | undefined;
  readonly durationMs: number;
  /** The part of `durationMs` that was spent waiting for agents. */
  readonly agentsMs: number;
  /** The part that was spent in the queue for a connection to the upstream; `undefined` where the request did not get that far. */
  readonly queuedMs?: number | undefined;
  /** The part from sending the request to the head of the response; `undefined` where none came. */
  readonly upstreamMs?: number | undefined;
  readonly requestBytes: number;
  readonly responseBytes: number;
}

/** Treatment of names with `_`: see {@link GatewayOptions.headersWithUnderscores}. */
export type UnderscoreMode = 'drop' | 'keep';

/** Options of `createGateway`. */
export interface GatewayOptions extends ClientOptions, UpstreamOptions {
  /** The pool that has the agents. It is not closed with the gateway. */
  readonly pool: AgentDirectory;
  /**
   * Server for allowed requests: `http://HOST:PORT`, `https://HOST:PORT` or `unix:/PATH`, without a path of a resource, or the name
   * of one of `upstreams`. Needed unless every route has its own.
   */
  readonly upstream?: string | undefined;
  /** Upstreams by name, for `upstream` here and in routes. Default none. */
  readonly upstreams?: Readonly<Record<string, UpstreamConfig>> | undefined;
  /** Routes: the first that matches a request is taken, and where none does, it is answered 404. Default none: everything goes to `upstream`. */
  readonly routes?: readonly RouteOptions[] | undefined;
  /** Names of agents in the order they are asked; those in an inner list are asked together. Default none. */
  readonly agents?: AgentOrder | undefined;
  /** Timeout and failure policy of single agents. Default those of the pool. */
  readonly agentSettings?: Readonly<Record<string, AgentSettings>> | undefined;
  /** Time that one decision may take, in milliseconds; default the pool's `requestTimeoutMs`. */
  readonly decisionTimeoutMs?: number | undefined;
  /** Longest request body, in bytes; default unlimited. Past it the client gets 413. */
  readonly maxRequestBodyBytes?: number | undefined;
  /**
   * Handling of a request's body that agents read; default `stream`.
   *
   * `stream` passes each chunk on as soon as its agents have decided on it, so that an upstream may have seen the beginning
   * of a body whose end is blocked. `buffer` sends nothing, not even the head, before every agent is done with the body.
   * `hold` is the former spelling of `buffer`.
   */
  readonly requestBody?: BodyMode | undefined;
  /** The same for responses and the client; default `stream`, where a block in the middle of a body cuts the connection. */
  readonly responseBody?: BodyMode | undefined;
  /** Longest buffered body, in bytes; default 100 MiB. Past it the client gets 413, or 502 for a response. On disk from 1 MiB on. */
  readonly maxBufferedBodyBytes?: number | undefined;
  /** Former spelling of `maxBufferedBodyBytes`, which wins where both are given. */
  readonly maxHeldBodyBytes?: number | undefined;
  /** Longest chunk that an agent is asked about, in bytes; default 1 MiB, at most 16 MiB. Longer ones are split. */
  readonly maxChunkBytes?: number | undefined;
  /**
   * Proxies in front whose `x-forwarded-*` and `forwarded` count; default `false`: they are replaced. Set it behind proxies of your own.
   *
   * A list names their IP addresses and ranges (`10.0.0.0/8`). Their headers are kept and added to, and the client is the last address
   * in `x-forwarded-for`, or else in `forwarded`, that is none of them: agents, the access log and
   * `maxUpstreamConnectionsPerClient` have that one. `true` trusts every peer, and takes the last address that it names.
   */
  readonly trustForwarded?: boolean | readonly string[] | undefined;
  /**
   * Treatment of a client's headers with `_` in their names; default `drop`.
   *
   * Many upstreams read `X_User` and `x-user` as one name, so that a client could put its own beside an agent's. Set `keep`
   * where clients need such names; an agent's `set` and `remove` take them out in any case.
   */
  readonly headersWithUnderscores?: UnderscoreMode | undefined;
  /**
   * Trailers that pass; default `grpc`: those of gRPC responses, which carry the status of a call. `response` passes those of all
   * responses, `both` those of requests too, `none` none. Agents see no trailers: a name that the head has, that an agent has set or
   * removed, or that frames, routes or authenticates a message, never passes as a trailer. Clients of HTTP/1.1 get them where they
   * sent `TE: trailers`; upstreams of HTTP/1.1 after bodies whose length is not known before.
   */
  readonly trailers?: TrailerMode | undefined;
  /** Passes TRACE requests on; default `false`: they are answered 405. */
  readonly allowTrace?: boolean | undefined;
  /** Logs targets with their query; default `false`, as queries contain tokens. Headers and bodies are never logged. */
  readonly logQuery?: boolean | undefined;
  /**
   * Called once for every request when it is over, also for one that is 503 because `maxConcurrentRequests` were in flight.
   * What it throws or rejects with is logged. See `openAccessLog`.
   */
  readonly onRequestEnd?: ((summary: RequestSummary) => unknown) | undefined;
  /**
   * Called once, when a reload has replaced these options and the last request that began with them is over, a WebSocket too. An agent that
   * no other options name may be removed then. What it throws or rejects with is logged.
   */
  readonly onReplaced?: (() => unknown) | undefined;
  /** Recording of what agents are asked and decide, to ask them again later; default none. See `openRecording`. */
  readonly record?: Recording | undefined;
  /** Receiver of measurements of requests, `gateway_*`; default none. Give the same one to the pool. */
  readonly metrics?: MetricsRecorder | undefined;
  /**
   * Receiver of spans: a server span for every request, under the client's `traceparent`, and a client span for its way to the
   * upstream, which is sent along; default none. Give the same one to the pool.
   */
  readonly tracer?: Tracer | undefined;
  readonly clock?: Clock | undefined;
  /**
   * Receiver of warnings and errors; default the pool's logger, `false` for none. Blocked requests are among them where `onRequestEnd`
   * is not set, which has them all.
   */
  readonly logger?: Logger | false | undefined;
}
