import { STATUS_CODES } from 'node:http';
import { AgentwireError, type HeaderOp } from '@agentwire/core';
import { Refusal } from '@agentwire/pipeline';
import { type VerdictResponse, verdictResponse } from '@agentwire/pipeline/internal';
import { BadRequest, NoRoute } from './refusal.ts';

/** Answer of the gateway itself. */
export interface OwnResponse extends VerdictResponse {
  /** Closes the connection after it; default `false`. */
  readonly close?: boolean;
}

const TEXT = ['content-type', 'text/plain; charset=utf-8'];

const STATUS: Partial<Record<AgentwireError['code'], number>> = {
  ERR_BODY_TOO_LARGE: 413,
  ERR_TIMEOUT: 504,
  ERR_OVERLOADED: 503,
  ERR_NO_SPACE: 507,
};

/** Returns the answer for an error: 502 where nothing better is known. Its body tells no more than the status. */
function forError(error: unknown): OwnResponse {
  if (error instanceof BadRequest) {
    const { status, headers, message } = error;
    return { status, headers: [...TEXT, ...headers], body: `${message}\n`, close: true };
  }
  if (error instanceof NoRoute) return { status: 404, headers: TEXT, body: 'Not Found' };
  const status = (error instanceof AgentwireError ? STATUS[error.code] : undefined) ?? 502;
  return { status, headers: TEXT, body: STATUS_CODES[status] ?? '' };
}

/**
 * Returns the answer in place of the upstream's response.
 *
 * @param ops changes of the response that agents decided before
 */
export function ownResponse(error: unknown, ops: readonly HeaderOp[]): OwnResponse {
  if (!(error instanceof Refusal)) return forError(error);
  try {
    return verdictResponse(error, ops);
  } catch (cause) {
    return forError(cause);
  }
}
