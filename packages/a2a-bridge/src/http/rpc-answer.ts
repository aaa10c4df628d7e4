import type { ServerResponse } from 'node:http';
import { A2A_ERROR_CODE, toJsonRpcError } from '@a2a-js/sdk/errors';
import type { Logger } from '@agentwire/core';

/** Id of a JSON-RPC call as it is given back. */
export type RpcId = string | number | null;

/** Error of a JSON-RPC answer. */
export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** Writes a whole answer as JSON. */
export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (response.headersSent || response.destroyed) return;
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, { ...headers, 'content-type': 'application/json', 'content-length': bytes.length });
  response.end(bytes);
}

/** Answer of a call that failed. */
export function rpcFailure(id: RpcId, error: RpcError): object {
  return { jsonrpc: '2.0', id, error };
}

/** Error of a call for something that was thrown; what the protocol does not know is logged and not told. */
export function rpcError(thrown: unknown, logger: Logger): RpcError {
  return hideInternal(toJsonRpcError(thrown), logger, thrown);
}

/** Error of the SDK without the message of an exception that was not meant for callers. */
export function hideInternal(error: RpcError, logger: Logger, cause?: unknown): RpcError {
  if (error.code !== A2A_ERROR_CODE.INTERNAL_ERROR || error.data !== undefined) return error;
  logger.error({ error: cause ?? error.message }, 'a call failed');
  return { code: error.code, message: 'internal error' };
}
