import { judgeNode } from './judge-node.ts';
import { type MiddlewareOptions, resolveMiddlewareOptions } from './middleware-options.ts';
import type { GivenRequest, GivenResponse, Next, NodeRequest, NodeResponse } from './node-messages.ts';

/** Middleware for node:http, node:http2, Express and everything that takes `(request, response, next)`. */
export type AgentMiddleware = (request: GivenRequest, response: GivenResponse, next: Next) => void;

/**
 * Creates a middleware that asks agents about each request before the handlers after it, and about their response.
 *
 * Put it before everything that reads bodies. A request that agents refuse is answered; `next` is called with an error where one
 * cannot be judged, such as `ERR_INVALID_STATE` for a body that was read before.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option
 */
export function agentMiddleware(options: MiddlewareOptions): AgentMiddleware {
  const resolved = resolveMiddlewareOptions('agentMiddleware', options);
  return (given, response, next) => {
    const request = given as NodeRequest;
    const uri = request.originalUrl ?? request.url ?? '/';
    // in a turn of its own: what a handler throws is no rejection
    judgeNode(resolved, request, response as NodeResponse, uri).then(
      (passed) => void (passed && process.nextTick(next)),
      (error: unknown) => process.nextTick(next, error),
    );
  };
}
