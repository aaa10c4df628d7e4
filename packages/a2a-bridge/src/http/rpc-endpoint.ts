import type { IncomingMessage, ServerResponse } from 'node:http';
import { A2A_VERSION_HEADER, type AgentCard, Extensions, HTTP_EXTENSION_HEADER } from '@a2a-js/sdk';
import { A2A_ERROR_CODE, ContentTypeNotSupportedError, RequestMalformedError } from '@a2a-js/sdk/errors';
import { JsonRpcTransportHandler, ServerCallContext, validateVersion } from '@a2a-js/sdk/server';
import { AgentwireError } from '@agentwire/core';
import type { ResolvedBridgeOptions } from '../bridge-options.ts';
import type { BridgeRequestHandler } from '../bridge-request-handler.ts';
import { CallingUser } from '../call-context.ts';
import { authenticate } from './callers.ts';
import { writeEvents } from './event-stream.ts';
import { readBody } from './read-body.ts';
import { hideInternal, rpcError, type RpcError, rpcFailure, type RpcId, sendJson } from './rpc-answer.ts';

/** Collaborators of the endpoint. */
export interface RpcEndpointDeps {
  readonly options: ResolvedBridgeOptions;
  readonly handler: BridgeRequestHandler;
  readonly card: AgentCard;
}

const UNFINISHED: Readonly<Partial<Record<string, number>>> = { ERR_BODY_TOO_LARGE: 413, ERR_TIMEOUT: 408 };

/** JSON-RPC endpoint: who is it, the body, the call, the answer. */
export class RpcEndpoint {
  readonly #deps: RpcEndpointDeps;
  readonly #transport: JsonRpcTransportHandler;

  constructor(deps: RpcEndpointDeps) {
    this.#deps = deps;
    this.#transport = new JsonRpcTransportHandler(deps.handler);
  }

  async post(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { options } = this.#deps;
    const who = await authenticate(request, options);
    if (who.kind !== 'caller') {
      const [status, message] =
        who.kind === 'refused' ? ([401, 'not authenticated'] as const) : ([503, 'try again later'] as const);
      refuse(response, status, { code: A2A_ERROR_CODE.INVALID_REQUEST, message });
      return;
    }
    let body: Buffer;
    try {
      body = await readBody(request, options.maxBodyBytes, options.bodyTimeoutMs, options.clock);
    } catch (error) {
      const { code = '', message = '' } = error instanceof AgentwireError ? error : {};
      refuse(response, UNFINISHED[code] ?? 400, { code: A2A_ERROR_CODE.INVALID_REQUEST, message });
      return;
    }
    const left = new AbortController();
    response.once('close', () => left.abort());
    await this.#call(request, response, body, new CallingUser(who.user, who.pid, left.signal));
  }

  async #call(request: IncomingMessage, response: ServerResponse, body: Buffer, user: CallingUser): Promise<void> {
    const { options, card } = this.#deps;
    const call = parse(request, body);
    if ('error' in call) {
      sendJson(response, 200, rpcFailure(call.id, call.error));
      return;
    }
    const { id, rpc } = call;
    const context = new ServerCallContext({
      user,
      requestedVersion: header(request, A2A_VERSION_HEADER) ?? '',
      requestedExtensions: Extensions.parseServiceParameter(header(request, HTTP_EXTENSION_HEADER)),
    });
    try {
      checkParams(rpc['params']);
      validateVersion(context.requestedVersion, card, 'JSONRPC');
    } catch (error) {
      sendJson(response, 200, rpcFailure(id, rpcError(error, options.logger)));
      return;
    }
    const answer = await this.#transport.handle(rpc, context);
    if (Symbol.asyncIterator in answer) {
      const drains = rpc['method'] !== 'SubscribeToTask';
      await writeEvents(response, id, answer, drains, options);
    } else {
      const { error } = answer as { readonly error?: RpcError };
      sendJson(response, 200, error === undefined ? answer : rpcFailure(id, hideInternal(error, options.logger)));
    }
  }
}

type Call =
  { readonly id: RpcId; readonly rpc: Record<string, unknown> } | { readonly id: RpcId; readonly error: RpcError };

function parse(request: IncomingMessage, body: Buffer): Call {
  const type = header(request, 'content-type')?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/json' && type !== 'application/a2a+json') {
    const error = JsonRpcTransportHandler.mapToJSONRPCError(
      new ContentTypeNotSupportedError('the body must be application/json'),
    );
    return { id: null, error };
  }
  let rpc: unknown;
  try {
    rpc = JSON.parse(body.toString());
  } catch {
    return { id: null, error: { code: A2A_ERROR_CODE.PARSE_ERROR, message: 'the body is no JSON' } };
  }
  if (!isCall(rpc)) {
    const { id } = Object(rpc) as { readonly id?: unknown };
    const message = 'the body is no JSON-RPC 2.0 request; batches are not supported';
    return { id: isId(id) ? id : null, error: { code: A2A_ERROR_CODE.INVALID_REQUEST, message } };
  }
  const { id } = rpc;
  if (isDeeper(rpc, MAX_DEPTH)) {
    const message = `the body is nested deeper than ${MAX_DEPTH} levels`;
    return { id: isId(id) ? id : null, error: { code: A2A_ERROR_CODE.INVALID_REQUEST, message } };
  }
  return { id: isId(id) ? id : null, rpc };
}

/** Levels of a body: the SDK reads and writes values by recursion, and payloads of the router have 64. */
const MAX_DEPTH = 128;

const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some((item) => isDeeper(item, levels - 1)));

const isId = (id: unknown): id is RpcId => typeof id === 'string' || Number.isSafeInteger(id) || id === null;

function isCall(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const { jsonrpc, method, id } = value as {
    readonly jsonrpc?: unknown;
    readonly method?: unknown;
    readonly id?: unknown;
  };
  return jsonrpc === '2.0' && typeof method === 'string' && method !== '' && (id === undefined || isId(id));
}

// Date.parse alone takes nearly anything, such as -1
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** Refuses what the SDK reads as if it had not been given. */
function checkParams(params: unknown): void {
  const { statusTimestampAfter: after } = Object(params ?? {}) as { readonly statusTimestampAfter?: unknown };
  if (after === undefined || after === null) return;
  if (typeof after !== 'string' || !TIME.test(after) || Number.isNaN(Date.parse(after)))
    throw new RequestMalformedError('statusTimestampAfter must be an ISO 8601 time');
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name.toLowerCase()];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Answers before the body was read, so the connection is not used again. */
function refuse(response: ServerResponse, status: number, error: RpcError): void {
  sendJson(response, status, rpcFailure(null, error), {
    connection: 'close',
    ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
  });
}
