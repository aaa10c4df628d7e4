import { WebExchange } from './judge-web.ts';
import { type MiddlewareOptions, resolveMiddlewareOptions } from './middleware-options.ts';

/** Options of {@link agentFetch}. */
export interface AgentFetchOptions extends MiddlewareOptions {
  /**
   * Sends the requests; default the global `fetch`. It gets the address and an object of options, as those of another copy of undici
   * need.
   */
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

/** Option that `fetch` of Node.js takes besides those of the standard, such as for a proxy. */
type Sender = Pick<RequestInit, 'dispatcher'>;

/** Parts that the requests of one call share: the dispatcher that its caller gave, and the first request where its body can be sent again. */
interface First {
  readonly sender: Sender;
  readonly body: Request | undefined;
}

/** Sends a request with a `fetch` that may not know the classes of this process, such as the one of the package undici. */
async function sendBy(send: typeof fetch, request: Request, sender: Sender, hasLength: boolean): Promise<Response> {
  const { url, method, redirect, signal, integrity, body } = request;
  const init: RequestInit = { method, headers: Array.from(request.headers), redirect, signal, integrity, ...sender };
  if (body === null) return send(url, init);
  return send(url, { ...init, body: hasLength ? await request.arrayBuffer() : body, duplex: 'half' });
}

/** Returns the request that a redirect asks for (RFC 9110 §15.4). */
async function redirected(last: Request, to: URL, status: number, { sender, body }: First): Promise<Request> {
  const { method, signal } = last;
  const headers = new Headers(last.headers);
  if (new URL(last.url).origin !== to.origin) for (const name of OF_ORIGIN) headers.delete(name);
  const isGet = (status === 303 && method !== 'HEAD') || (status <= 302 && method === 'POST');
  headers.delete('content-length');
  if (isGet || last.body === null) {
    if (isGet)
      for (const name of Array.from(headers.keys()).filter((one) => one.startsWith('content-'))) headers.delete(name);
    return new Request(to, { method: isGet ? 'GET' : method, headers, signal, redirect: 'manual', ...sender });
  }
  if (body === undefined) throw new TypeError('a redirect asks for a body again that can be read only once');
  const again = await body.clone().arrayBuffer();
  return new Request(to, { method, headers, signal, redirect: 'manual', body: again, ...sender });
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
  const judged = async (request: Request, sender: Sender, hasLength: boolean): Promise<Sent> => {
    const exchange = new WebExchange(resolved, true);
    let status: number | undefined;
    try {
      const metadata = { clientIp: '', clientPort: 0, protocol: 'HTTP/1.1', serverName: undefined };
      const passed = await exchange.request(request, metadata);
      const answer =
        send === globalThis.fetch
          ? await send(passed)
          : await sendBy(send, passed, sender, hasLength || exchange.hasReadBody);
      const response = await exchange.response(answer);
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
    const sender: Sender = init?.dispatcher === undefined ? {} : { dispatcher: init.dispatcher };
    // what can be read once is sent once
    const isSource = init?.body !== undefined && !(init.body instanceof ReadableStream);
    if (first.redirect !== 'follow') return (await judged(first, sender, isSource)).response;
    const body = isSource && first.body !== null ? first.clone() : undefined;
    let request = new Request(first, { redirect: 'manual' });
    for (let count = 0; ; count += 1) {
      const sent = await judged(request, sender, isSource);
      const to = locationOf(sent, request.url);
      if (to === undefined) return sent.response;
      await sent.response.body?.cancel();
      if (count === MAX_REDIRECTS) throw new TypeError(`more than ${MAX_REDIRECTS} redirects`);
      request = await redirected(request, to, sent.response.status, { sender, body });
    }
  };
}
