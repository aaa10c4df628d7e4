import type { TLSSocket } from 'node:tls';
import { AgentwireError } from '@agentwire/core';
import { applyAgentOps } from '@agentwire/pipeline/internal';
import { checkOneHost, pathOf } from './ambiguous-request.ts';
import { Exchange, headerOf, responseFor } from './exchange.ts';
import { hasLeft, HeldBody, observeBody, type ShowChunk } from './held-body.ts';
import { JudgedResponse } from './judged-response.ts';
import type { ResolvedMiddlewareOptions } from './middleware-options.ts';
import { linesOf, replaceHeaders } from './node-headers.ts';
import type { NodeRequest, NodeResponse } from './node-messages.ts';
import { sendOwn } from './own-response.ts';

/** Returns whether a body follows the head. */
function hasBody(request: NodeRequest): boolean {
  const { headers, httpVersionMajor } = request;
  if (httpVersionMajor >= 2)
    return (request as { readonly stream?: { readonly endAfterHeaders: boolean } }).stream?.endAfterHeaders !== true;
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
}

/** Returns the length that the client announced for its body; `undefined` where there is none, as for a chunked body. */
function announcedLength({ headers }: NodeRequest): number | undefined {
  const { 'content-length': length, 'transfer-encoding': coding } = headers;
  return length === undefined || coding !== undefined ? undefined : Number(length);
}

function isSame(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((part, at) => part === right[at]);
}

function withLength(lines: readonly string[], length: number | undefined): string[] {
  const kept = lines.filter((_part, at) => {
    const name = lines[at - (at % 2)]?.toLowerCase();
    return name !== 'content-length' && (length === undefined || name !== 'transfer-encoding');
  });
  return length === undefined ? kept : [...kept, 'content-length', String(length)];
}

/**
 * Asks the agents about a request before the application gets it, and makes them judge its response.
 *
 * @param uri url as the client asked for it
 * @returns `false` where the request was answered here
 * @throws AgentwireError where it cannot be judged: `ERR_INVALID_STATE` for a body that was read before
 */
export async function judgeNode(
  options: ResolvedMiddlewareOptions,
  request: NodeRequest,
  response: NodeResponse,
  uri: string,
): Promise<boolean> {
  const exchange = new Exchange(options);
  response.once('close', () => {
    // node:http2 takes the response of a stream that was reset for finished
    if (response.writableFinished && !(request.httpVersionMajor > 1 && hasLeft(request)))
      exchange.end(response.statusCode);
    else exchange.cancel();
  });
  const withBody = hasBody(request);
  // chunks that come while the head is judged wait too; a body that no agent asks for is not touched
  try {
    const path = pathOf(uri);
    const lines = linesOf(request);
    checkOneHost(lines);
    const { socket, method = 'GET', httpVersion } = request;
    const metadata = {
      clientIp: socket.remoteAddress?.replace(/^::ffff:/, '') ?? '',
      clientPort: socket.remotePort ?? 0,
      protocol: `HTTP/${httpVersion}`,
      serverName: headerOf(lines, 'host'),
      ...('encrypted' in socket && { tlsVersion: (socket as TLSSocket).getProtocol() ?? undefined }),
    };
    const judged = await exchange.onRequest({ method, uri: path, headers: lines, hasBody: withBody, metadata });
    if (response.destroyed) throw new AgentwireError('ERR_ABORTED', 'the client went away');
    let { headers } = judged;
    const { shadows } = exchange.pipeline;
    const show: ShowChunk | undefined =
      shadows && withBody ? (chunk, last) => shadows.chunk('requestBodyChunk', chunk, last) : undefined;
    if (judged.wantBody.length > 0) {
      askForBody(request, response);
      headers = await judgeBody(exchange, request, judged, show);
    } else if (show !== undefined && !observeBody(request, show)) shadows?.drop();
    if (!isSame(headers, lines)) replaceHeaders(request, headers);
    const { judgesResponses, responseOps } = exchange.pipeline;
    // a response that no agent judges is not touched
    if (judgesResponses || responseOps.length > 0) JudgedResponse.take(response, exchange, method);
    return true;
  } catch (error) {
    const own = responseFor(error, exchange);
    if (own === undefined) throw error;
    exchange.logEnding(error);
    sendOwn(own, response, response);
    return false;
  }
}

/** Sends "100 Continue" to a client that waits for it, where node has not: in a listener of `checkContinue`. Agents read before the application could. */
function askForBody({ headers }: NodeRequest, response: NodeResponse): void {
  // set by node:http alone; a second one over HTTP/2 means the same
  const { _sent100: isSent = false } = response as { readonly _sent100?: boolean };
  if (!isSent && headers.expect?.toLowerCase() === '100-continue') response.writeContinue();
}

async function judgeBody(
  exchange: Exchange,
  request: NodeRequest,
  { headers, wantBody }: Awaited<ReturnType<Exchange['onRequest']>>,
  show: ShowChunk | undefined,
): Promise<readonly string[]> {
  const { pipeline, id } = exchange;
  const body = new HeldBody(request, exchange.maxBufferedBodyBytes, show);
  const filter = pipeline.requestBody(id, wantBody, { responseSent: false });
  const { length, taken } = await body.judge(filter, announcedLength(request), () => exchange.tooLarge());
  exchange.requestBytes = taken;
  const changed = applyAgentOps(headers, pipeline.requestOps);
  const announced = headerOf(changed, 'content-length');
  if (length !== undefined) return announced === String(length) ? changed : withLength(changed, length);
  return announced === undefined ? changed : withLength(changed, undefined);
}
