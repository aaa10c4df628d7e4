import { Http2ServerRequest, Http2ServerResponse, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { Code, ConnectError, createContextKey, createContextValues, type HandlerContext } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { create } from '@bufbuild/protobuf';
import { AgentwireError, toAgentwireError, type Message, type Peer } from '@agentwire/core';
import { fromProxyToAgent } from '../codec/reference/reference-reader.ts';
import { toAgentToProxy } from '../codec/reference/reference-writer.ts';
import type { CodecContext } from '../codec/codec-context.ts';
import { negotiateOverGrpc } from '../connection/create-connection.ts';
import { toGrpcStatus } from '../errors/http2-errors.ts';
import {
  AgentServiceV2,
  AgentToProxySchema,
  ProxyControlSchema,
  type AgentControl,
  type AgentToProxy,
  type ProxyControl,
  type ProxyToAgent,
} from '../gen/zentinel/agent/v2/agent_pb.ts';
import { unknownProxy } from '../handshake/hello-fields.ts';
import { bearerToken } from './bearer-token.ts';
import { CallConnection } from './call-connection.ts';
import type { ServerDeps, ServerSession } from './server-session.ts';

const FROM = createContextKey<ServerSession | undefined>(undefined, { description: 'the session of a call' });

function toConnectError(error: unknown): ConnectError {
  const known = toAgentwireError(error, 'ERR_REFUSED');
  return new ConnectError(known.message, toGrpcStatus(known), undefined, undefined, known);
}

/** ProcessEvent and ControlStream of one listener, through connect-node: neither is hot. */
export class UnaryCalls {
  readonly #deps: ServerDeps;
  readonly #shutdown = new AbortController();
  readonly #handle: (request: Http2ServerRequest, response: Http2ServerResponse) => void;
  readonly #sessions = new WeakMap<Http2ServerRequest, ServerSession>();

  constructor(deps: ServerDeps) {
    this.#deps = deps;
    this.#handle = connectNodeAdapter({
      connect: false,
      grpcWeb: false,
      acceptCompression: [],
      readMaxBytes: deps.options.maxMessageBytes,
      writeMaxBytes: deps.options.maxMessageBytes,
      shutdownSignal: this.#shutdown.signal,
      contextValues: (request) => createContextValues().set(FROM, this.#sessions.get(request as Http2ServerRequest)),
      routes: (router) =>
        router.service(AgentServiceV2, {
          processEvent: (message, context) => this.#processEvent(message, context),
          controlStream: (messages, context) => this.#controlStream(messages, context),
        }),
    });
  }

  /** Serves one call. */
  serve(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    rawHeaders: readonly string[],
    from: ServerSession,
  ): void {
    // a 'request' listener on the server would take ProcessStream, too
    const request = new Http2ServerRequest(stream, headers, {}, rawHeaders);
    this.#sessions.set(request, from);
    this.#handle(request, new Http2ServerResponse(stream));
  }

  /** Ends the calls in flight. */
  close(): void {
    this.#shutdown.abort(new ConnectError('the agent has stopped listening', Code.Unavailable));
  }

  /** Admits the caller, within the handshake's deadline. @returns the facts that a connection of the caller has */
  async #authorize(context: HandlerContext): Promise<Peer> {
    const { listen, options } = this.#deps;
    const from = context.values.get(FROM);
    if (from === undefined) throw new ConnectError('the call has no session', Code.Internal);
    const pending = from.begin();
    const refuse = (error: AgentwireError): void => from.refuse(pending, error);
    const onAbort = (): void => refuse(new AgentwireError('ERR_CLOSED', 'the call ended before it was authorized'));
    context.signal.addEventListener('abort', onAbort, { once: true });
    try {
      const token = bearerToken(context.requestHeader.get('authorization') ?? undefined);
      const other = unknownProxy(`call from ${from.address}`, token);
      const peer = negotiateOverGrpc(listen.self, other, options);
      await pending.authorize(other.hello, from.credential(token));
      from.admit(pending);
      return peer;
    } catch (error) {
      const known = toAgentwireError(error, 'ERR_REFUSED');
      refuse(known);
      throw toConnectError(known);
    } finally {
      context.signal.removeEventListener('abort', onAbort);
    }
  }

  async #processEvent(message: ProxyToAgent, context: HandlerContext): Promise<AgentToProxy> {
    const peer = await this.#authorize(context);
    const codec = this.#codecContext(message);
    try {
      const event = fromProxyToAgent(message, codec);
      if (event === undefined || event.type === 'handshake') {
        throw new AgentwireError('ERR_PROTOCOL', 'ProcessEvent takes one event of a request, not a handshake');
      }
      const { admission, listen } = this.#deps;
      const connection = new CallConnection(peer, 1, admission.enter());
      const answer = await connection.ask(event, listen.onConnection, context.signal);
      return toReply(answer, event.type, codec);
    } catch (error) {
      throw toConnectError(error);
    }
  }

  #codecContext(message: ProxyToAgent): CodecContext {
    const nowMs = (): number => this.#deps.options.clock.wallNow();
    // the answer to a Configure goes back to the caller, as the reply of its call
    return { isAgentwire: false, errors: false, nowMs, configureId: () => `agentwire-${message.message.case}` };
  }

  /**
   * Reads the reports of the caller, which plays the agent on the control stream, and refuses its requests for another
   * configuration. Orders to an agent come over ProcessStream.
   */
  async *#controlStream(messages: AsyncIterable<AgentControl>, context: HandlerContext): AsyncGenerator<ProxyControl> {
    await this.#authorize(context);
    for await (const { message } of messages) {
      this.#deps.options.logger.debug({ kind: message.case }, 'a message on the control stream');
      if (message.case !== 'configUpdate') continue;
      const { requestId } = message.value;
      const value = {
        requestId,
        accepted: false,
        error: 'an agent takes no requests for another configuration',
        timestampMs: BigInt(Math.trunc(this.#deps.options.clock.wallNow())),
      };
      yield create(ProxyControlSchema, { message: { case: 'configResponse', value } });
    }
  }
}

function toReply(answer: Message | undefined, asked: string, codec: CodecContext): AgentToProxy {
  if (answer === undefined) {
    if (asked === 'requestComplete' || asked === 'cancel') return create(AgentToProxySchema);
    throw new AgentwireError('ERR_CLOSED', 'the agent gave no answer to this event');
  }
  const message = toAgentToProxy(answer, codec);
  return create(AgentToProxySchema, message === undefined ? {} : { message });
}
