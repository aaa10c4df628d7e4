import { WebExchange } from './judge-web.ts';
import { type MiddlewareOptions, resolveMiddlewareOptions } from './middleware-options.ts';

/** Options of {@link agentFetch}. */
export interface AgentFetchOptions extends MiddlewareOptions {
  /** Sends the requests; default the global `fetch`. */
  readonly fetch?: typeof fetch | undefined;
}

/**
 * Creates a `fetch` that asks agents about each outgoing request, and about its response. A refused request is not sent: it
 * resolves with the agent's response, such as a 403.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option
 */
export function agentFetch(options: AgentFetchOptions): typeof fetch {
  const { fetch: send = globalThis.fetch, ...rest } = options;
  const resolved = resolveMiddlewareOptions('agentFetch', rest);
  return async (input, init) => {
    const exchange = new WebExchange(resolved);
    let status: number | undefined;
    try {
      const request = new Request(input, init);
      const metadata = { clientIp: '', clientPort: 0, protocol: 'HTTP/1.1', serverName: undefined };
      const response = await exchange.response(await send(await exchange.request(request, metadata)));
      status = response.status;
      return response;
    } catch (error) {
      const refusal = exchange.refusal(error);
      status = refusal.status;
      return refusal;
    } finally {
      exchange.end(status);
    }
  };
}
