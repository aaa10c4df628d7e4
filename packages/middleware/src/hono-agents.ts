import { WebExchange } from './judge-web.ts';
import { type MiddlewareOptions, resolveMiddlewareOptions } from './middleware-options.ts';

interface NodeEnvironment {
  readonly incoming?: {
    readonly httpVersion?: string;
    /** `false` while the body of the request has not come whole. */
    readonly complete?: boolean;
    readonly socket?: { readonly remoteAddress?: string; readonly remotePort?: number };
  };
}

/** The part of a Hono context that the middleware uses. */
export interface HonoContextLike {
  readonly req: { raw: Request };
  readonly env: unknown;
  get res(): Response;
  set res(response: Response | undefined);
}

/** Sets the response; Hono adds the headers of one that is there to its replacement. */
function replace(context: HonoContextLike, response: Response): void {
  context.res = undefined;
  context.res = response;
}

/** Middleware for Hono: `app.use(honoAgents({ pool, agents }))`. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function honoAgents(
  options: MiddlewareOptions,
): (context: HonoContextLike, next: () => Promise<void>) => Promise<void> {
  const resolved = resolveMiddlewareOptions('honoAgents', options);
  return async (context, next) => {
    const exchange = new WebExchange(resolved);
    const { incoming } = (context.env ?? {}) as NodeEnvironment;
    const metadata = {
      clientIp: incoming?.socket?.remoteAddress?.replace(/^::ffff:/, '') ?? '',
      clientPort: incoming?.socket?.remotePort ?? 0,
      protocol: `HTTP/${incoming?.httpVersion ?? '1.1'}`,
      serverName: undefined,
    };
    let response: Response | undefined;
    try {
      context.req.raw = await exchange.request(context.req.raw, metadata);
      await next();
      const judged = await exchange.response(context.res);
      response = judged;
      if (judged !== context.res) replace(context, judged);
    } catch (error) {
      response = exchange.refusal(error);
      // the server ends the connection of a body that is not read whole, so that the client must not use it again
      if (incoming?.complete === false && !metadata.protocol.startsWith('HTTP/2'))
        response.headers.set('connection', 'close');
      replace(context, response);
    } finally {
      exchange.end(response?.status);
    }
  };
}
