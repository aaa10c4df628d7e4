import { AgentwireError, type ErrorCode } from '@agentwire/core';

/** Kind of failure that kept an agent from deciding. */
export type FailureKind =
  'timeout' | 'unavailable' | 'protocol' | 'overloaded' | 'circuit_open' | 'flow_paused' | 'too_large' | 'agent_error';

const KINDS: Partial<Record<ErrorCode, FailureKind>> = {
  ERR_TIMEOUT: 'timeout',
  ERR_CONNECT: 'unavailable',
  ERR_CLOSED: 'unavailable',
  ERR_DRAINING: 'unavailable',
  ERR_REFUSED: 'unavailable',
  ERR_UNAUTHORIZED: 'unavailable',
  ERR_VERSION_MISMATCH: 'protocol',
  ERR_PROTOCOL: 'protocol',
  ERR_TOO_LATE: 'protocol',
  ERR_UNSUPPORTED: 'protocol',
  ERR_INVALID_HEADER: 'protocol',
  ERR_OVERLOADED: 'overloaded',
  ERR_CIRCUIT_OPEN: 'circuit_open',
  ERR_FLOW_PAUSED: 'flow_paused',
  ERR_MESSAGE_TOO_LARGE: 'too_large',
  ERR_BODY_TOO_LARGE: 'too_large',
  ERR_HANDLER: 'agent_error',
};

/** Errors of the caller: no policy decides for them. */
const CALLERS_OWN: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_ABORTED',
  'ERR_DUPLICATE_REQUEST',
  'ERR_INVALID_ARGUMENT',
  'ERR_INVALID_STATE',
  'ERR_UNKNOWN_AGENT',
]);

/** Causes of a connection's end that lie in its messages, not in the absence of the agent. */
const BY_MESSAGE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_INVALID_HEADER',
  'ERR_MESSAGE_TOO_LARGE',
  'ERR_PROTOCOL',
  'ERR_UNSUPPORTED',
  'ERR_VERSION_MISMATCH',
]);

/** Errors of an agent's own clients: the agent was there and could not decide. */
const OF_ITS_OWN: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_CLOSED',
  'ERR_CONNECT',
  'ERR_REFUSED',
  'ERR_UNAUTHORIZED',
]);

/** Returns whether a connection was lost, or could not be made, because of an invalid message. */
function isByMessage({ code, cause }: AgentwireError): boolean {
  if (code !== 'ERR_CLOSED' && code !== 'ERR_CONNECT') return false;
  return cause instanceof AgentwireError && (BY_MESSAGE.has(cause.code) || isByMessage(cause));
}

/** Returns the kind of a failure by its cause; `undefined` for an error of the caller, or a request that it cancelled. */
export function failureKind(error: AgentwireError): FailureKind | undefined {
  if (CALLERS_OWN.has(error.code) && error.detail?.['byAgent'] !== true) return undefined;
  if (error.detail?.['byAgent'] === true && OF_ITS_OWN.has(error.code)) return 'agent_error';
  if (isByMessage(error)) return 'protocol';
  return KINDS[error.code] ?? 'agent_error';
}

/**
 * Returns whether an error is the peer's failure: it did not answer in time, broke the protocol, or refused for overload. One that says that
 * the protocol was broken is an agent that answers, about what it was sent.
 */
export function isPeerFailure({ code, detail }: AgentwireError): boolean {
  if (code === 'ERR_OVERLOADED') return detail?.['byAgent'] === true;
  return code === 'ERR_TIMEOUT' || (code === 'ERR_PROTOCOL' && detail?.['byAgent'] !== true);
}

/** Errors of an event that this side could not send. */
const UNSENT: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['ERR_MESSAGE_TOO_LARGE', 'ERR_UNSUPPORTED']);

/** Returns whether an error lowers the success rate of the agent: it, or its connection, kept an event from a decision. */
export function isAgentsError(error: AgentwireError): boolean {
  if (error.detail?.['byAgent'] === true) return true;
  return failureKind(error) !== undefined && !UNSENT.has(error.code);
}
