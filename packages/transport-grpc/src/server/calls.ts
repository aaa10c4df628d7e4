import { Http2ServerRequest, Http2ServerResponse, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { Code, ConnectError, createContextKey, type HandlerContext } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { create } from '@bufbuild/protobuf';
import { AgentwireError, toAgentwireError, type Message, type Peer } from '@agentwire/core';
import { fromProxyToAgent } from '../codec/reference/reference-reader.ts';
import { toAgentToProxy } from '../codec/reference/reference-writer.ts';
import type { CodecContext } from '../codec/codec-context.ts';
import { agreeOverGrpc } from '../connection/create-connection.ts';
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
import { unknownProxy, type OtherSide } from '../handshake/hello-fields.ts';
import { bearerToken } from './bearer-token.ts';
import { CallConnection } from './call-connection.ts';
import type { Gate } from './process-stream.ts';
import type { ServerSession } from './server-session.ts';

/** Everything of the service that is not ProcessStream. */
export interface Calls {
  /** Takes a stream in. */
  serve(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    rawHeaders: readonly string[],
    from: ServerSession,
  ): void;
  /** Ends what is under way. */
  close(): void;
}

const FROM = createContextKey<ServerSession | undefined>(undefined, { description: 'the session of a call' });

function toConnectError(error: unknown): ConnectError {
  const known = toAgentwireError(error, 'ERR_REFUSED');
  return new ConnectError(known.message, toGrpcStatus(known), undefined, undefined, known);
}

/** Serves ProcessEvent and ControlStream of one listener through connect-node: neither is hot. */
class ServedCalls implements Calls {
  readonly #gate: Gate;
  readonly #ends = new AbortController();
  readonly #handle: (request: Http2ServerRequest, response: Http2ServerResponse) => void;
  readonly #sessions = new WeakMap<Http2ServerRequest, ServerSession>();

  constructor(gate: Gate) {
    this.#gate = gate;
    this.#handle = connectNodeAdapter({
      connect: false,
      grpcWeb: false,
      acceptCompression: [],
      readMaxBytes: gate.options.maxMessageBytes,
      writeMaxBytes: gate.options.maxMessageBytes,
      shutdownSignal: this.#ends.signal,
      contextValues: (request) => ({
        get: (key) =>
          (key.id === FROM.id ? this.#sessions.get(request as Http2ServerRequest) : key.defaultValue) as never,
        set: () => {
          throw new AgentwireError('ERR_INVALID_STATE', 'the values of a call are fixed');
        },
        delete: () => {
          throw new AgentwireError('ERR_INVALID_STATE', 'the values of a call are fixed');
        },
      }),
      routes: (router) =>
        router.service(AgentServiceV2, {
          processEvent: (message, context) => this.#processEvent(message, context),
          controlStream: (messages, context) => this.#controlStream(messages, context),
        }),
    });
  }

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

  close(): void {
    this.#ends.abort(new ConnectError('the agent has stopped listening', Code.Unavailable));
  }

  async #authorize(context: HandlerContext): Promise<{ other: OtherSide; peer: Peer }> {
    const { listen, options } = this.#gate;
    const from = context.values.get(FROM);
    const token = bearerToken(context.requestHeader.get('authorization') ?? undefined);
    const other = unknownProxy(`call from ${from?.address ?? 'unknown'}`, token);
    const peer = agreeOverGrpc(listen.self, other, options);
    const credential = from?.credential(token) ?? { token };
    try {
      await listen.authorize?.(other.hello, credential, context.signal);
    } catch (error) {
      throw toConnectError(toAgentwireError(error, 'ERR_UNAUTHORIZED'));
    }
    from?.finishHandshake();
    return { other, peer };
  }

  async #processEvent(message: ProxyToAgent, context: HandlerContext): Promise<AgentToProxy> {
    const { peer } = await this.#authorize(context);
    const codec = this.#codecContext(message);
    try {
      const event = fromProxyToAgent(message, codec);
      if (event === undefined || event.type === 'handshake') {
        throw new AgentwireError('ERR_PROTOCOL', 'ProcessEvent takes one event of a request, not a handshake');
      }
      this.#gate.take();
      const connection = new CallConnection(peer, 1, () => this.#gate.giveBack());
      const answer = await connection.ask(event, this.#gate.listen.onConnection, context.signal);
      return toReply(answer, event.type, codec);
    } catch (error) {
      throw toConnectError(error);
    }
  }

  #codecContext(message: ProxyToAgent): CodecContext {
    const nowMs = (): number => this.#gate.clock.wallNow();
    // an answer to a Configure has nowhere to go in a call but back to its caller
    return { ours: false, errors: false, nowMs, configureId: () => `agentwire-${message.message.case}` };
  }

  /**
   * Takes the reports of whoever plays the agent on the control stream, refuses its wishes for another configuration,
   * and says shutdown when the listener closes. Orders to an agent come over ProcessStream.
   */
  async *#controlStream(messages: AsyncIterable<AgentControl>, context: HandlerContext): AsyncGenerator<ProxyControl> {
    await this.#authorize(context);
    for await (const { message } of messages) {
      this.#gate.logger.debug({ kind: message.case }, 'a message on the control stream');
      if (message.case !== 'configUpdate') continue;
      const { requestId } = message.value;
      const value = {
        requestId,
        accepted: false,
        error: 'an agent takes no requests for another configuration',
        timestampMs: BigInt(Math.trunc(this.#gate.clock.wallNow())),
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

/** Makes the calls of a listener. */
export function createCalls(gate: Gate): Calls {
  return new ServedCalls(gate);
}
