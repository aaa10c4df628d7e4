import { judgeNode } from './judge-node.ts';
import { type MiddlewareOptions, resolveMiddlewareOptions } from './middleware-options.ts';
import type { NodeRequest, NodeResponse } from './node-messages.ts';

/** The part of a Koa context that the middleware uses. */
export interface KoaContextLike {
  readonly req: NodeRequest;
  readonly res: NodeResponse;
  readonly originalUrl: string;
  respond?: boolean | undefined;
}

/** Middleware for Koa: `app.use(koaAgents({ pool, agents }))`, before body parsers. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function koaAgents(
  options: MiddlewareOptions,
): (context: KoaContextLike, next: () => Promise<unknown>) => Promise<void> {
  const resolved = resolveMiddlewareOptions('koaAgents', options);
  return async (context, next) => {
    if (await judgeNode(resolved, context.req, context.res, context.originalUrl)) await next();
    else context.respond = false;
  };
}
