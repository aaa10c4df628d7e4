import type { AgentwireError } from '@agentwire/core';
import type { Pipeline } from '@agentwire/pipeline';
import type { RequestReader } from './body/request-reader.ts';
import type { ClientRequest, ClientResponse } from './client-messages.ts';
import { logEnding } from './observe/log-ending.ts';
import { reportEnd } from './observe/request-end.ts';
import type { RequestTrace } from './observe/request-trace.ts';
import type { ResolvedGatewayOptions } from './options/resolve-options.ts';
import type { RoutedHead } from './plan.ts';
import { answer } from './response/answer.ts';
import { ownResponse } from './response/own-response.ts';
import { type Outcome, outcomeOf } from './response/refusal.ts';
import { cut } from './response/response-head.ts';
import type { Route } from './routes/route.ts';
import type { UpstreamRequest } from './upstream-request.ts';
import type { WebSocketUpgrade } from './websocket/web-socket-upgrade.ts';

/** Request and response of a {@link ProxiedRequest}. */
export interface ProxiedRequestInput {
  readonly id: string;
  readonly request: ClientRequest;
  readonly response: ClientResponse;
  /** Set where the client waits for "100 Continue" before it sends the body. */
  readonly expectsContinue: boolean;
  readonly head: RoutedHead['head'];
  /** Called once, at its end. @param error `undefined` unless it failed within the gateway, so that nothing was answered */
  readonly onOver: (error: unknown) => void;
}

/** Request that ends. */
export interface EndingRequest {
  readonly route: Route;
  readonly options: ResolvedGatewayOptions;
  readonly input: ProxiedRequestInput;
  readonly pipeline: Pipeline;
  /** Set where a body follows the head. */
  readonly reader: RequestReader | undefined;
  /** Set where the client asks for a WebSocket. */
  readonly webSocket: WebSocketUpgrade | undefined;
  readonly upstream: UpstreamRequest;
  readonly startedAt: number;
  readonly trace: RequestTrace | undefined;
  /** Error of a client that left. */
  readonly left: AgentwireError | undefined;
  /** `true` while the client waits for "100 Continue". */
  readonly continueDue: boolean;
  /** Bytes of the body of an answer of the gateway itself. */
  ownBytes: number;
}

/** Ends the client's response after a refusal or an error. @returns the outcome */
export function answerFailure(ending: EndingRequest, error: unknown): Outcome {
  const { options, reader } = ending;
  const { id, request, response } = ending.input;
  if (ending.left !== undefined || response.destroyed) return { outcome: 'cancelled' };
  const outcome = outcomeOf(error);
  logEnding(error, outcome, { id, request, route: ending.route.name, upstream: ending.upstream.target }, options);
  if (response.headersSent) {
    // the client has a part of a response that must not continue: only a cut connection tells it
    cut(response);
  } else {
    void reader?.return();
    const { clock, logger } = options;
    const context = {
      request,
      response,
      readBytes: reader?.bytes ?? 0,
      continueDue: ending.continueDue,
      clock,
      logger,
    };
    const { bytes, grpcStatus } = answer(ownResponse(error, ending.pipeline.responseOps), context);
    ending.ownBytes = bytes;
    if (grpcStatus !== undefined) return { ...outcome, grpcStatus };
  }
  return outcome;
}

/** Tells the agents and observers of a request that it is over. */
export function reportRequest(ending: EndingRequest, outcome: Outcome): void {
  const { options, pipeline, trace, upstream } = ending;
  const { id, request, response, head } = ending.input;
  const isObserved = options.metrics !== undefined || options.onRequestEnd !== undefined || trace !== undefined;
  if (!isObserved && !pipeline.asks) return;
  const { requestBytes: received = 0, responseBytes: sent = 0 } = ending.webSocket ?? {};
  reportEnd({
    id,
    request,
    route: head instanceof Error ? '' : ending.route.name,
    options,
    pipeline,
    trace,
    outcome,
    status: response.headersSent ? response.statusCode : 0,
    durationMs: options.clock.now() - ending.startedAt,
    requestBytes: (ending.reader?.bytes ?? 0) + received,
    responseBytes: upstream.responseBytes + ending.ownBytes + sent,
    upstream,
  });
}
