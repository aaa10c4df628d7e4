import { AgentwireError, type RequestHeaders, type RequestMetadata, type ResponseHeaders } from '@agentwire/core';
import type { AgentRequest } from '@agentwire/core/session';
import { HeaderMap } from '@agentwire/headers';
import type {
  IncomingBody,
  IncomingMessage,
  IncomingRequest,
  IncomingResponse,
  WholeBodyOptions,
} from '../handler/incoming.ts';
import { BodyReader } from './body-reader.ts';
import { withClientPort } from './client-address.ts';
import { requestHasBody, responseHasBody } from './expects-body.ts';
import type { Turns } from './turns.ts';

/** Where a message learns of its handler's run and of what was agreed. */
export interface MessageHost {
  readonly turns: Turns;
  /** The run, if anything has asked for it yet. */
  readonly begun: Turns | undefined;
  /** The session's request that brought the message. */
  readonly agentRequest: AgentRequest;
  /** Whether the proxy waits for the decision on a body when more is asked for. */
  readonly waitsForBody: boolean;
  /** Whether this agent announced that it reads request bodies. */
  readonly requestBody: boolean;
  /** Whether this agent announced that it reads response bodies. */
  readonly responseBody: boolean;
}

/** What a message and what belongs to it take besides its texts, in bytes. */
const MESSAGE_BYTES = 1024;
/** What a text takes besides its characters, in bytes. */
const TEXT_BYTES = 32;

/** What requests and responses have in common. */
export abstract class Message implements IncomingMessage {
  readonly host: MessageHost;
  /** Reads the body, once the handler has asked for it. */
  reader: BodyReader | undefined;
  #headers: HeaderMap | undefined;
  #bodyEnd: string | undefined;

  constructor(host: MessageHost) {
    this.host = host;
  }

  protected abstract readonly event: { readonly headers: readonly string[]; readonly uri?: string };
  abstract readonly hasBody: boolean;
  /** The option of `defineAgent` that announces this body, if it was not said. */
  protected abstract readonly missing: string | undefined;

  get headers(): HeaderMap {
    return (this.#headers ??= new HeaderMap(this.event.headers));
  }

  /** Estimated memory of its head in bytes. */
  get weight(): number {
    const { headers, uri = '' } = this.event;
    let bytes = MESSAGE_BYTES + uri.length;
    for (const text of headers) bytes += TEXT_BYTES + text.length;
    return bytes;
  }

  /** The reader of the body. @throws AgentwireError `ERR_INVALID_STATE` where bodies were not announced */
  openBody(): BodyReader {
    const missing = this.missing;
    if (missing !== undefined) {
      const message = `this agent did not say that it reads bodies: add \`${missing}: true\` to defineAgent`;
      throw new AgentwireError('ERR_INVALID_STATE', message);
    }
    if (this.reader === undefined) {
      this.reader = new BodyReader(this.host.turns, this.hasBody);
      if (this.#bodyEnd !== undefined) this.endBody(this.#bodyEnd);
    }
    return this.reader;
  }

  /** No more of the body will come, whoever reads it now or later. */
  endBody(why: string): void {
    this.#bodyEnd = why;
    // an error costs far more than a request, and few requests are being read when they end
    if (this.reader !== undefined) this.reader.abort(new AgentwireError('ERR_ABORTED', why));
  }

  get body(): IncomingBody {
    return this.openBody();
  }

  bytes(options?: WholeBodyOptions): Promise<Uint8Array> {
    return mayBeIgnored(this.#bytes(options));
  }

  text(options?: WholeBodyOptions): Promise<string> {
    return mayBeIgnored(this.#text(options));
  }

  json(options?: WholeBodyOptions): Promise<unknown> {
    return mayBeIgnored(this.#json(options));
  }

  async #bytes(options?: WholeBodyOptions): Promise<Uint8Array> {
    return this.openBody().whole(options);
  }

  async #text(options?: WholeBodyOptions): Promise<string> {
    const bytes = await this.#bytes(options);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  }

  async #json(options?: WholeBodyOptions): Promise<unknown> {
    const text = await this.#text(options);
    try {
      return JSON.parse(text) as unknown;
    } catch {
      // the parser's own message quotes the body, which must not reach a log
      throw new AgentwireError('ERR_BODY_NOT_JSON', `the body of ${text.length} characters is not JSON`);
    }
  }
}

/** A handler may decide without waiting for a body that it asked for; that this then fails must end no process. */
function mayBeIgnored<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

/** A request over the event that brought it. */
export class RequestMessage extends Message implements IncomingRequest {
  protected readonly event: RequestHeaders;
  #metadata: RequestMetadata | undefined;

  constructor(event: RequestHeaders, host: MessageHost) {
    super(host);
    this.event = event;
  }

  get method(): string {
    return this.event.method;
  }

  get uri(): string {
    return this.event.uri;
  }

  get path(): string {
    const { uri } = this.event;
    const end = uri.indexOf('?');
    return end < 0 ? uri : uri.slice(0, end);
  }

  get query(): URLSearchParams {
    const { uri } = this.event;
    const start = uri.indexOf('?');
    return new URLSearchParams(start < 0 ? '' : uri.slice(start + 1));
  }

  get metadata(): RequestMetadata {
    return (this.#metadata ??= withClientPort(this.event.metadata));
  }

  get hasBody(): boolean {
    return requestHasBody(this.event, this.headers, this.host.waitsForBody);
  }

  protected get missing(): string | undefined {
    return this.host.requestBody ? undefined : 'requestBody';
  }
}

/** A response over the event that brought it. */
export class ResponseMessage extends Message implements IncomingResponse {
  protected readonly event: ResponseHeaders;
  readonly #method: string | undefined;

  /** @param method of the request, where it is known */
  constructor(event: ResponseHeaders, host: MessageHost, method: string | undefined) {
    super(host);
    this.event = event;
    this.#method = method;
  }

  get status(): number {
    return this.event.status;
  }

  get hasBody(): boolean {
    return responseHasBody(this.event, this.headers, this.#method);
  }

  protected get missing(): string | undefined {
    return this.host.responseBody ? undefined : 'responseBody';
  }
}
