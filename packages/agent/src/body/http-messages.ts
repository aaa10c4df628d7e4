import type { RequestHeaders, RequestMetadata, ResponseHeaders } from '@agentwire/core';
import type { HeaderMap } from '@agentwire/headers';
import type { IncomingRequest, IncomingResponse } from '../handler/incoming.ts';
import { withClientPort } from '../zentinel/released-proxy.ts';
import { Message, type MessageHost } from './message.ts';
import { requestPath, requestQuery } from './request-uri.ts';

/** Request over the event that delivered it. */
export class RequestMessage extends Message implements IncomingRequest {
  protected readonly event: RequestHeaders;
  #metadata: RequestMetadata | undefined;

  constructor(event: RequestHeaders, host: MessageHost) {
    super(host);
    this.event = event;
  }

  get isRequest(): boolean {
    return true;
  }

  get method(): string {
    return this.event.method;
  }

  get uri(): string {
    return this.event.uri;
  }

  get path(): string {
    return requestPath(this.event.uri, this.host.paths);
  }

  get query(): URLSearchParams {
    return requestQuery(this.event.uri);
  }

  get metadata(): RequestMetadata {
    return (this.#metadata ??= withClientPort(this.event.metadata));
  }

  get hasBody(): boolean {
    return requestHasBody(this.event, this.headers, this.host.waitsForBody);
  }

  protected get missingOption(): string | undefined {
    return this.host.requestBody ? undefined : 'requestBody';
  }
}

/** Response over the event that delivered it. */
export class ResponseMessage extends Message implements IncomingResponse {
  protected readonly event: ResponseHeaders;
  readonly #method: string | undefined;

  /** @param method method of the request, where it is known */
  constructor(event: ResponseHeaders, host: MessageHost, method: string | undefined) {
    super(host);
    this.event = event;
    this.#method = method;
  }

  get isRequest(): boolean {
    return false;
  }

  get status(): number {
    return this.event.status;
  }

  get hasBody(): boolean {
    return responseHasBody(this.event, this.headers, this.#method);
  }

  protected get missingOption(): string | undefined {
    return this.host.responseBody ? undefined : 'responseBody';
  }
}

const METHODS_WITHOUT_BODY: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'CONNECT', 'DELETE']);

/** Returns whether a body may follow, as far as the framing headers tell. */
function framesBody(headers: HeaderMap): boolean | undefined {
  const length = headers.get('content-length');
  if (length !== undefined) return length.trim() !== '0';
  return headers.has('transfer-encoding') ? true : undefined;
}

/**
 * Returns whether a body may follow a request's head. Where the proxy does not tell, HTTP's own rules decide; where they
 * leave it open too (HTTP/2 needs no length), there may be one.
 *
 * @param waits whether the proxy waits for the decision on a body when more is asked for; one that does not would forward a
 * request without a body undecided, so there the method decides what stays open
 */
function requestHasBody(event: RequestHeaders, headers: HeaderMap, waits: boolean): boolean {
  const known = event.hasBody ?? framesBody(headers);
  if (known !== undefined) return known;
  if (event.metadata.protocol.startsWith('HTTP/1')) return false;
  return waits || !METHODS_WITHOUT_BODY.has(event.method);
}

/** Returns whether a body may follow a response's head; `method` is the request's, where it is known. */
function responseHasBody(event: ResponseHeaders, headers: HeaderMap, method?: string): boolean {
  if (event.hasBody !== undefined) return event.hasBody;
  if (event.status < 200 || event.status === 204 || event.status === 304 || method === 'HEAD') return false;
  return framesBody(headers) ?? true;
}
