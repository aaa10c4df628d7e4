import type { AgentHandlers } from '../handler/agent-handlers.ts';

/** What `defineAgent` takes: who the agent is, what it decides on, and its bounds. */
export interface AgentDefinition<State = unknown> extends AgentHandlers<State> {
  /** Name of the agent, for proxies and logs. */
  readonly name: string;
  /** Version of the agent, for logs. */
  readonly version: string;
  /** Whether `onRequestHeaders` reads request bodies; default `false`. Announces them, as `onRequestBodyChunk` does. */
  readonly requestBody?: boolean;
  /** Whether `onResponseHeaders` reads response bodies; default `false`. Announces them, as `onResponseBodyChunk` does. */
  readonly responseBody?: boolean;
  /**
   * Requests that handlers may work on at once, over all connections; default 1 024, 1 to 65 536. Announced. At the bound
   * proxies are asked to pause where they understand that, and a request past it is answered `ERR_OVERLOADED`. A handler
   * that waits for the next chunk of a body does not count.
   */
  readonly maxConcurrentRequests?: number;
  /** How long a handler may take for one event, in milliseconds; default 30 000. Past it the answer is `ERR_TIMEOUT`. */
  readonly handlerTimeoutMs?: number;
  /** Longest body that the agent wants to see, in bytes; announced. Default 104 857 600 (100 MiB). */
  readonly maxBodyBytes?: number;
  /**
   * Requests whose state is kept for later events; default 100 000. Past it the oldest one is forgotten. Proxies that say
   * which requests are over need no such bound.
   */
  readonly maxTrackedRequests?: number;
  /**
   * How long the state of a request is kept without an event, in milliseconds; default 60 000. Only for foreign proxies of
   * the zentinel dialect, which do not say that a request is over.
   */
  readonly requestStateTtlMs?: number;
}

/** An agent, ready to be served. */
export interface Agent<State = unknown> {
  readonly name: string;
  readonly version: string;
  readonly handlers: AgentHandlers<State>;
  readonly requestBody: boolean;
  readonly responseBody: boolean;
  readonly limits: AgentLimits;
}

/** Bounds of an agent with every default filled in; the fields of {@link AgentDefinition}. */
export interface AgentLimits {
  readonly maxConcurrentRequests: number;
  readonly handlerTimeoutMs: number;
  readonly maxBodyBytes: number;
  readonly maxTrackedRequests: number;
  readonly requestStateTtlMs: number;
}

/** What {@link AgentDefinition} assumes where nothing is said. */
export const AGENT_DEFAULTS: AgentLimits = Object.freeze<AgentLimits>({
  maxConcurrentRequests: 1024,
  handlerTimeoutMs: 30_000,
  maxBodyBytes: 104_857_600,
  maxTrackedRequests: 100_000,
  requestStateTtlMs: 60_000,
});
