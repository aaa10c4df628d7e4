import type { Clock, HeaderList } from '@agentwire/core';
import type { BodyFilter, Pipeline } from '@agentwire/pipeline';
import {
  BufferedBody,
  bufferedBody,
  type OutgoingBody,
  ShadowedBody,
  streamedBody,
} from '@agentwire/pipeline/internal';
import type { ClientRequest } from '../client-messages.ts';
import type { ResolvedGatewayOptions } from '../options/resolve-options.ts';
import { announcedLength } from '../request/request-head.ts';
import type { OutgoingRequest } from '../upstream/upstream-messages.ts';
import type { RequestReader } from './request-reader.ts';

/** Body of a request without one. */
export const NO_BODY: OutgoingBody = { data: null, length: undefined };

/** Returns a buffer for a body that is passed on once no agent reads more of it; `undefined` for any other. */
export function bodyBuffer(
  wantBody: readonly string[],
  reader: RequestReader,
  { requestBody, maxBufferedBodyBytes }: ResolvedGatewayOptions,
): BufferedBody | undefined {
  return wantBody.length > 0 && requestBody === 'buffer' ? new BufferedBody(maxBufferedBodyBytes, reader) : undefined;
}

/**
 * Returns the body for the upstream: unchanged where no agent reads it, else what the agents pass.
 *
 * @param buffer set where the body waits until no agent reads more
 */
export function outgoingBody(
  request: ClientRequest,
  reader: RequestReader,
  { shadows }: Pipeline,
  filter: BodyFilter,
  buffer: BufferedBody | undefined,
  clock: Clock,
): Promise<OutgoingBody> {
  const announced = announcedLength(request);
  const source = shadows === undefined ? reader : new ShadowedBody(reader, shadows, announced);
  if (buffer === undefined) return streamedBody(source, filter, announced, clock);
  return bufferedBody(source, filter, announced, buffer);
}

/** Returns a function for the trailers that may pass beside a head, where those of requests pass. */
export function trailersBeside(
  head: HeaderList,
  request: ClientRequest,
  pipeline: Pipeline,
  { trailers, headersWithUnderscores }: ResolvedGatewayOptions,
): OutgoingRequest['trailers'] {
  if (trailers !== 'both') return undefined;
  return () => pipeline.trailers?.pass(request.rawTrailers, head, headersWithUnderscores === 'drop') ?? [];
}
