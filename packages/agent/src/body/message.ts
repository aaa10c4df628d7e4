import { AgentwireError, type Peer } from '@agentwire/core';
import type { AgentRequest } from '@agentwire/core/session';
import { HeaderMap } from '@agentwire/headers';
import type { PathOptions } from '../define/path-options.ts';
import type { IncomingBody, IncomingMessage, WholeBodyOptions } from '../handler/incoming.ts';
import type { HandlerRun } from '../run/handler-run.ts';
import { BodyReader } from './body-reader.ts';

/** Parts of an event's context that its message uses. */
export interface MessageHost {
  readonly run: HandlerRun;
  /** The run, if it has been created. */
  readonly createdRun: HandlerRun | undefined;
  /** The session's request that delivered the message. */
  readonly agentRequest: AgentRequest;
  readonly peer: Peer;
  /** `true` if the proxy waits for the decision on a body when more is asked for. */
  readonly waitsForBody: boolean;
  /** `true` if this agent announced that it reads request bodies. */
  readonly requestBody: boolean;
  /** `true` if this agent announced that it reads response bodies. */
  readonly responseBody: boolean;
  /** `true` if a piece of a body is freed when its handler is done with it. */
  readonly freeChunks: boolean;
  /** Spellings of a path that are resolved or refused. */
  readonly paths: PathOptions;
  /** Creates a run for a body that changes after the handler has decided. */
  createRun(): HandlerRun;
}

/** Estimated memory of a message and its objects without its texts, in bytes. */
const MESSAGE_BYTES = 1024;
/** Estimated memory of a text without its characters, in bytes. */
const TEXT_BYTES = 32;

/** Common part of requests and responses. */
export abstract class Message implements IncomingMessage {
  readonly host: MessageHost;
  /** Reader of the body, once the handler has asked for it. */
  reader: BodyReader | undefined;
  #headers: HeaderMap | undefined;
  #bodyEnd: string | undefined;

  constructor(host: MessageHost) {
    this.host = host;
  }

  protected abstract readonly event: { readonly headers: readonly string[]; readonly uri?: string };
  abstract readonly hasBody: boolean;
  abstract readonly isRequest: boolean;
  /** Option of `defineAgent` that announces this body, if it is not set. */
  protected abstract readonly missingOption: string | undefined;

  get headers(): HeaderMap {
    return (this.#headers ??= new HeaderMap(this.event.headers));
  }

  /** Estimated memory of its head, in bytes. */
  get weightBytes(): number {
    const { headers, uri = '' } = this.event;
    let bytes = MESSAGE_BYTES + uri.length;
    for (const text of headers) bytes += TEXT_BYTES + text.length;
    return bytes;
  }

  get peer(): Peer {
    return this.host.peer;
  }

  /** Checks that the agent has announced this body. @param use the caller's, for the error @throws AgentwireError `ERR_INVALID_STATE` */
  checkAnnounced(use: string): void {
    const option = this.missingOption;
    if (option === undefined) return;
    const which = this.isRequest ? 'request' : 'response';
    const message = `${use} needs the ${which}'s body, which this agent does not announce: add \`${option}: true\` to defineAgent`;
    throw new AgentwireError('ERR_INVALID_STATE', message);
  }

  /** Returns the reader of the body. @throws AgentwireError `ERR_INVALID_STATE` if the agent has not announced this body */
  openBody(run?: HandlerRun): BodyReader {
    this.checkAnnounced('reading a body');
    if (this.reader === undefined) {
      this.reader = new BodyReader(run ?? this.host.run, this.hasBody, this, this.host.freeChunks);
      if (this.#bodyEnd !== undefined) this.endBody(this.#bodyEnd);
    }
    return this.reader;
  }

  /** Fails the body: no more of it arrives, for a reader of now or of later. */
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
    return this.openBody().text(options);
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

/** Marks the rejection of `promise` as handled: a handler may decide without waiting for a body that it asked for. */
function mayBeIgnored<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
