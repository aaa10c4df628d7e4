import type { Audit, Decision, RequestMetadata } from '@agentwire/core';
import { checkKnownOptions } from '@agentwire/core/internal';
import type { HeaderMap, HeaderSource } from '@agentwire/headers';

/** Body: text or bytes for one chunk, a list for several. */
export type TestBody = string | Uint8Array | readonly (string | Uint8Array)[];

/** Response of the upstream to a {@link TestRequest}. */
export interface TestResponse {
  /** HTTP status, 100 to 999; default 200. */
  readonly status?: number | undefined;
  /** Default none. */
  readonly headers?: HeaderSource | undefined;
  /** Default none. */
  readonly body?: TestBody | undefined;
}

/**
 * Handling of a request body that the agent reads, as of the gateway option `requestBody`. `stream`: its head goes on with the first chunk, so that later changes of
 * headers are too late. `buffer`: nothing goes on before the agent is done with the body.
 */
export type RequestBodyMode = 'stream' | 'buffer';

/** Request that an agent under test is asked about. */
export interface TestRequest {
  /** Default `GET`. */
  readonly method?: string | undefined;
  /** Path and query; default `/`. */
  readonly uri?: string | undefined;
  /** Default none. */
  readonly headers?: HeaderSource | undefined;
  /** Default none. */
  readonly body?: TestBody | undefined;
  /** Client and connection; every member has a default. */
  readonly metadata?: Partial<RequestMetadata> | undefined;
  /** Response that the agent is asked about once it has allowed the request; default none. */
  readonly response?: TestResponse | undefined;
}

const REQUEST_KEYS = [
  'method',
  'uri',
  'headers',
  'body',
  'metadata',
  'response',
] as const satisfies (keyof TestRequest)[];
const RESPONSE_KEYS = ['status', 'headers', 'body'] as const satisfies (keyof TestResponse)[];

/** Checks the names of a request's members. @throws AgentwireError `ERR_INVALID_ARGUMENT` for an unknown one */
export function checkTestRequest(request: TestRequest): void {
  checkKnownOptions('request', request, REQUEST_KEYS);
  if (request.response !== undefined) checkKnownOptions('response', request.response, RESPONSE_KEYS);
}

/** Event that a decision answers. */
export type Phase = 'requestHeaders' | 'requestBodyChunk' | 'responseHeaders' | 'responseBodyChunk';

/** Decision of the agent on one event. */
export interface TestDecision {
  readonly phase: Phase;
  readonly decision: Decision;
}

/** Request or response as it passes on, with the agent's changes. */
export interface TestMessage {
  readonly headers: HeaderMap;
  readonly body: Buffer;
  /** {@link body} as UTF-8. */
  readonly text: string;
}

/** Outcome of a request. */
export interface TestResult {
  /** All decisions, in the order of their events. */
  readonly decisions: readonly TestDecision[];
  /** Decision that refused the request, else the last one. */
  readonly decision: Decision;
  /** Audit of all decisions: lists joined, the last value of each other field. */
  readonly audit: Audit;
  /** Request that the upstream gets; `undefined` if it was refused. */
  readonly request: TestMessage | undefined;
  /** Response that the client gets: the agent's own after a refusal, as a gateway writes it, else the upstream's; `undefined` without either. */
  readonly response: (TestMessage & { readonly status: number }) | undefined;
}
