import { WebExchange } from './judge-web.ts';
import { type MiddlewareOptions, resolveMiddlewareOptions } from './middleware-options.ts';

/** Options of {@link agentFetch}. */
export interface AgentFetchOptions extends MiddlewareOptions {
  /** Sends the requests; default the global `fetch`. */
  readonly fetch?: typeof fetch | undefined;
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** Most redirects of one request, as in the Fetch standard. */
const MAX_REDIRECTS = 20;
/** Headers that another origin does not get. */
const OF_ORIGIN = ['authorization', 'proxy-authorization', 'cookie', 'host'];

interface Sent {
  readonly response: Response;
  /** `true` where an agent answered in place of the server. */
  readonly refused: boolean;
}

/** Returns where a response sends its client; `undefined` where it is none. @throws TypeError for what is not http or https */
function locationOf({ response, refused }: Sent, from: string): URL | undefined {
  const location = response.headers.get('location');
  if (refused || location === null || !REDIRECTS.has(response.status)) return undefined;
  const url = new URL(location, from);
  if (url.protocol === 'http:' || url.protocol === 'https:') return url;
  throw new TypeError(`a redirect to ${url.protocol} is not followed`);
}

/** Returns the request that a redirect asks for (RFC 9110 §15.4). @param body that of the first request, where it can be sent again */
async function redirected(last: Request, to: URL, status: number, body: Request | undefined): Promise<Request> {
  const { method, signal } = last;
  const headers = new Headers(last.headers);
  if (new URL(last.url).origin !== to.origin) for (const name of OF_ORIGIN) headers.delete(name);
  const isGet = (status === 303 && method !== 'HEAD') || (status <= 302 && method === 'POST');
  headers.delete('content-length');
  if (isGet || last.body === null) {
    if (isGet)
      for (const name of Array.from(headers.keys()).filter((one) => one.startsWith('content-'))) headers.delete(name);
    return new Request(to, { method: isGet ? 'GET' : method, headers, signal, redirect: 'manual' });
  }
  if (body === undefined) throw new TypeError('a redirect asks for a body again that can be read only once');
  return new Request(to, { method, headers, signal, redirect: 'manual', body: await body.clone().arrayBuffer() });
}

/**
 * Creates a `fetch` that asks agents about each outgoing request, also about each redirect that it follows, and about its response.
 * A refused request is not sent: it resolves with the agent's response, such as a 403.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option
 */
export function agentFetch(options: AgentFetchOptions): typeof fetch {
  const { fetch: send = globalThis.fetch, ...rest } = options;
  const resolved = resolveMiddlewareOptions('agentFetch', rest);
  const judged = async (request: Request): Promise<Sent> => {
    const exchange = new WebExchange(resolved, true);
    let status: number | undefined;
    try {
      const metadata = { clientIp: '', clientPort: 0, protocol: 'HTTP/1.1', serverName: undefined };
      const response = await exchange.response(await send(await exchange.request(request, metadata)));
      status = response.status;
      return { response, refused: false };
    } catch (error) {
      const response = exchange.refusal(error);
      status = response.status;
      return { response, refused: true };
    } finally {
      exchange.end(status);
    }
  };
  return async (input, init) => {
    const first = new Request(input, init);
    if (first.redirect !== 'follow') return (await judged(first)).response;
    // what can be read once is sent once
    const isSource = init?.body !== undefined && !(init.body instanceof ReadableStream);
    const body = isSource && first.body !== null ? first.clone() : undefined;
    let request = new Request(first, { redirect: 'manual' });
    for (let count = 0; ; count += 1) {
      const sent = await judged(request);
      const to = locationOf(sent, request.url);
      if (to === undefined) return sent.response;
      await sent.response.body?.cancel();
      if (count === MAX_REDIRECTS) throw new TypeError(`more than ${MAX_REDIRECTS} redirects`);
      request = await redirected(request, to, sent.response.status, body);
    }
  };
}
