import { AgentwireError, type HeaderList } from '@agentwire/core';
import { applyAgentOps } from '@agentwire/pipeline/internal';
import { Exchange, type ExchangeHead, headerOf, responseFor } from './exchange.ts';
import type { ResolvedMiddlewareOptions } from './middleware-options.ts';

function linesOf(headers: Headers): string[] {
  return Array.from(headers).flat();
}

/** Headers that say where a body ends; what sends a body that was read whole says that anew. */
const FRAMING = ['content-length', 'transfer-encoding'];

function headersOf(lines: HeaderList, body: Uint8Array | undefined): Headers {
  const headers = new Headers();
  for (let at = 0; at < lines.length; at += 2) headers.append(lines[at] as string, lines[at + 1] as string);
  if (body !== undefined) for (const name of FRAMING) headers.delete(name);
  return headers;
}

const EMPTY = new Uint8Array(0);

type Show = (chunk: Uint8Array, last: boolean) => void;

async function read(
  body: ReadableStream<Uint8Array> | null,
  exchange: Exchange,
  show: Show | undefined,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body ?? []) {
    bytes += part.byteLength;
    if (bytes > exchange.maxBufferedBodyBytes) throw exchange.tooLarge();
    show?.(part, false);
    parts.push(part);
  }
  show?.(EMPTY, true);
  return Buffer.concat(parts);
}

/** Returns a body that is shown to agents that observe it while it is read. */
function shown(body: ReadableStream<Uint8Array<ArrayBuffer>>, show: Show): ReadableStream<Uint8Array<ArrayBuffer>> {
  return body.pipeThrough(
    new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform(chunk, controller) {
        show(chunk, false);
        controller.enqueue(chunk);
      },
      flush: () => show(EMPTY, true),
    }),
  );
}

/** Request and response of the web's types on their way through agents. */
export class WebExchange {
  readonly #exchange: Exchange;
  readonly #outgoing: boolean;
  /** `true` once the body of the request was read whole, so that its length is known. */
  hasReadBody = false;

  /** @param outgoing `true` for a request that is sent from here: its body keeps its length, which a stream has not */
  constructor(options: ResolvedMiddlewareOptions, outgoing = false) {
    this.#exchange = new Exchange(options);
    this.#outgoing = outgoing;
  }

  /** Returns the function that shows a body to agents that observe it; `undefined` where there are none. */
  #showing(type: 'requestBodyChunk' | 'responseBodyChunk'): Show | undefined {
    const { shadows } = this.#exchange.pipeline;
    return shadows && ((chunk, last) => shadows.chunk(type, chunk, last));
  }

  /**
   * Asks the agents about a request.
   *
   * @returns the request as they passed it
   * @throws Refusal; AgentwireError `ERR_INVALID_STATE` for a body that was read before
   */
  async request(request: Request, metadata: ExchangeHead['metadata']): Promise<Request> {
    const exchange = this.#exchange;
    if (request.bodyUsed)
      throw new AgentwireError(
        'ERR_INVALID_STATE',
        'the body was read before the agents: put the middleware before everything that reads bodies',
      );
    const { method, url, body } = request;
    const { pathname, search, host } = new URL(url);
    const given = linesOf(request.headers);
    const lines = headerOf(given, 'host') === undefined ? ['host', host, ...given] : given;
    const head = { method, uri: pathname + search, headers: lines, hasBody: body !== null, metadata };
    const { headers, wantBody } = await exchange.onRequest({ ...head, metadata: { serverName: host, ...metadata } });
    const show = this.#showing('requestBodyChunk');
    if (wantBody.length === 0) {
      const changed = headers === lines ? undefined : { headers: headersOf(headers, undefined) };
      if (show === undefined || body === null || this.#outgoing) {
        if (body !== null) exchange.pipeline.shadows?.drop();
        return changed === undefined ? request : new Request(request, changed);
      }
      return new Request(request, { ...changed, body: shown(body, show), duplex: 'half' });
    }
    const whole = await read(body, exchange, show);
    exchange.requestBytes = whole.byteLength;
    this.hasReadBody = true;
    const passed = await exchange.wholeBody('request', wantBody, whole);
    const changed = headersOf(applyAgentOps(headers, exchange.pipeline.requestOps), passed);
    // of what is sent from here, the dispatcher and all that its sender has set stay
    return new Request(this.#outgoing ? request : url, {
      method,
      headers: changed,
      body: passed as Uint8Array<ArrayBuffer>,
      signal: request.signal,
      redirect: request.redirect,
    });
  }

  /** Asks the agents about the response. @returns it as they passed it @throws Refusal, AgentwireError */
  async response(response: Response): Promise<Response> {
    const exchange = this.#exchange;
    const { pipeline, id } = exchange;
    const { judgesResponses, responseOps } = pipeline;
    if (!judgesResponses && responseOps.length === 0) return response;
    const { status, statusText, body } = response;
    const before = linesOf(response.headers);
    const { headers, wantBody } = judgesResponses
      ? await pipeline.onResponse({ type: 'responseHeaders', id, status, headers: before, hasBody: body !== null })
      : { headers: applyAgentOps(before, responseOps), wantBody: [] };
    if (wantBody.length === 0) {
      // it is not known when such a body was read, or that it will not be
      if (body !== null) pipeline.shadows?.drop();
      return new Response(body, { status, statusText, headers: headersOf(headers, undefined) });
    }
    const show = this.#showing('responseBodyChunk');
    const seen = responseOps.length;
    const passed = await exchange.wholeBody('response', wantBody, await read(body, exchange, show));
    exchange.responseBytes = passed.byteLength;
    const changed = applyAgentOps(headers, responseOps.slice(seen));
    return new Response(passed as Uint8Array<ArrayBuffer>, { status, statusText, headers: headersOf(changed, passed) });
  }

  /**
   * Returns the response for what the agents decided in place of the application's or the server's.
   *
   * @throws unknown the error itself where the application handles it
   */
  refusal(error: unknown): Response {
    const own = responseFor(error, this.#exchange);
    if (own === undefined) throw error;
    this.#exchange.logEnding(error);
    const { status, body } = own;
    const bodiless = status === 204 || status === 304;
    return new Response(bodiless ? null : body, { status, headers: headersOf(own.headers, undefined) });
  }

  /** Tells the agents that it is over. @param status `undefined` where there is no response */
  end(status: number | undefined): void {
    if (status === undefined) this.#exchange.cancel();
    else this.#exchange.end(status);
  }
}
