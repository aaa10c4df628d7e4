import { judgeNode } from './judge-node.ts';
import { type MiddlewareOptions, resolveMiddlewareOptions } from './middleware-options.ts';
import type { GivenRequest, GivenResponse, NodeRequest, NodeResponse } from './node-messages.ts';

/** The part of a Koa context that the middleware uses. */
export interface KoaContextLike {
  readonly req: GivenRequest;
  readonly res: GivenResponse;
  readonly originalUrl: string;
  respond?: boolean | undefined;
}

/** Middleware for Koa: `app.use(koaAgents({ pool, agents }))`, before body parsers. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function koaAgents(
  options: MiddlewareOptions,
): (context: KoaContextLike, next: () => Promise<unknown>) => Promise<void> {
  const resolved = resolveMiddlewareOptions('koaAgents', options);
  return async (context, next) => {
    const { req, res, originalUrl } = context;
    if (await judgeNode(resolved, req as NodeRequest, res as NodeResponse, originalUrl)) await next();
    else context.respond = false;
  };
}
