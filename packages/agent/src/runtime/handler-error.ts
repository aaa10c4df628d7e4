import { AgentwireError, type Decision, type ErrorCode } from '@agentwire/core';

/** Codes of a handler's own mistakes and of the bodies and uris that it reads; none of them describes the connection. */
const OWN: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_ABORTED',
  'ERR_AMBIGUOUS_URI',
  'ERR_BODY_ENCODING',
  'ERR_BODY_NOT_JSON',
  'ERR_BODY_TOO_LARGE',
  'ERR_HANDLER',
  'ERR_INVALID_ARGUMENT',
  'ERR_INVALID_HEADER',
  'ERR_INVALID_STATE',
  'ERR_IO',
  'ERR_NO_SPACE',
  'ERR_TOO_LATE',
]);

/**
 * Converts an error of a handler into the one that the proxy sees: a handler whose own client cannot connect or times out
 * could not decide, which does not mean that the agent cannot be reached.
 */
export function toHandlerError(error: unknown): unknown {
  if (!(error instanceof AgentwireError) || OWN.has(error.code)) return error;
  return new AgentwireError('ERR_HANDLER', `the agent's handler failed with ${error.code}`, { cause: error });
}

function block(status: number, code: ErrorCode): Decision {
  return Object.freeze<Decision>({
    verdict: Object.freeze({ type: 'block', status } as const),
    audit: Object.freeze({ reasonCodes: Object.freeze([`agentwire:${code}`]) }),
  });
}

const BAD_REQUESTS: Readonly<Partial<Record<ErrorCode, Decision>>> = {
  ERR_AMBIGUOUS_URI: block(400, 'ERR_AMBIGUOUS_URI'),
  ERR_BODY_ENCODING: block(415, 'ERR_BODY_ENCODING'),
  ERR_BODY_NOT_JSON: block(400, 'ERR_BODY_NOT_JSON'),
  ERR_BODY_TOO_LARGE: block(413, 'ERR_BODY_TOO_LARGE'),
};

/**
 * Returns the decision for an error of the uri, or of the body (too long, truncated, undecodable or no JSON), and `undefined` for one of
 * the handler.
 * Were these failures, a client could choose the failure policy, and with it an open one.
 */
export function badRequestDecision(error: unknown): Decision | undefined {
  return error instanceof AgentwireError ? BAD_REQUESTS[error.code] : undefined;
}

/** Receiver of what a handler threw, with the id of its request where there is one. */
export type FailureObserver = (thrown: unknown, requestId: string | undefined) => void;

const observers = new WeakMap<object, FailureObserver>();

/** Returns a copy of an agent whose failures are shown to a test: proxies get no text of a handler's error. */
export function withFailureObserver<Observed extends object>(agent: Observed, observer: FailureObserver): Observed {
  const copy = Object.freeze({ ...agent });
  observers.set(copy, observer);
  return copy;
}

/** Returns the observer of an agent of {@link withFailureObserver}. */
export function failureObserverOf(agent: object): FailureObserver | undefined {
  return observers.get(agent);
}
