/** Properties of an error code. */
export interface ErrorCodeFacts {
  /** True if the same call may succeed on another connection or a moment later. */
  readonly retryable: boolean;
  /** Meaning in words; the row of the code in `docs/errors.md`. */
  readonly means: string;
}

/** Stable name of an error; each is a row of `docs/errors.md`. */
export type ErrorCode =
  | 'ERR_ABORTED'
  | 'ERR_AMBIGUOUS_URI'
  | 'ERR_BODY_ENCODING'
  | 'ERR_BODY_NOT_JSON'
  | 'ERR_BODY_TOO_LARGE'
  | 'ERR_CAPABILITY_DENIED'
  | 'ERR_CIRCUIT_OPEN'
  | 'ERR_CLOSED'
  | 'ERR_CONNECT'
  | 'ERR_DRAINING'
  | 'ERR_DUPLICATE_AGENT'
  | 'ERR_DUPLICATE_REQUEST'
  | 'ERR_FLOW_PAUSED'
  | 'ERR_HANDLER'
  | 'ERR_INBOX_CLOSED'
  | 'ERR_INBOX_FULL'
  | 'ERR_INTEGRITY'
  | 'ERR_INVALID_ADDRESS'
  | 'ERR_INVALID_ARGUMENT'
  | 'ERR_INVALID_HEADER'
  | 'ERR_INVALID_STATE'
  | 'ERR_INVALID_STATE_TRANSITION'
  | 'ERR_IO'
  | 'ERR_MESSAGE_TOO_LARGE'
  | 'ERR_NO_HANDLER'
  | 'ERR_NO_INBOX'
  | 'ERR_NO_RESPONDERS'
  | 'ERR_NO_SPACE'
  | 'ERR_OVERLOADED'
  | 'ERR_PROCESS_NOT_FOUND'
  | 'ERR_PROTOCOL'
  | 'ERR_REFUSED'
  | 'ERR_REQUEST_ENDED'
  | 'ERR_SERVICE_NOT_FOUND'
  | 'ERR_TIMEOUT'
  | 'ERR_TOO_LATE'
  | 'ERR_UNAUTHORIZED'
  | 'ERR_UNKNOWN_AGENT'
  | 'ERR_UNSUPPORTED'
  | 'ERR_VERSION_MISMATCH';

/** Every code of an {@link AgentwireError}, with its properties. */
export const ERROR_CODES: Readonly<Record<ErrorCode, ErrorCodeFacts>> = {
  ERR_ABORTED: { retryable: false, means: 'the caller aborted the operation through its AbortSignal' },
  ERR_AMBIGUOUS_URI: {
    retryable: false,
    means: 'a uri cannot be decoded, or servers differ in what its path names',
  },
  ERR_BODY_ENCODING: { retryable: false, means: 'a body is not in a content-encoding or charset that can be read' },
  ERR_BODY_NOT_JSON: { retryable: false, means: 'a body that was read as JSON is none' },
  ERR_BODY_TOO_LARGE: { retryable: false, means: 'a body is longer than the limit that was set for it' },
  ERR_CAPABILITY_DENIED: {
    retryable: false,
    means: 'the sender may not reach that target, or a gate denied the message',
  },
  ERR_CIRCUIT_OPEN: { retryable: true, means: "the agent's circuit breaker is open, so it was not asked" },
  ERR_CLOSED: { retryable: true, means: 'the connection, session or resource ended before the operation did' },
  ERR_CONNECT: { retryable: true, means: 'no connection could be made, or an address cannot be listened on' },
  ERR_DRAINING: { retryable: true, means: 'the other side is finishing its work and takes nothing new' },
  ERR_DUPLICATE_AGENT: { retryable: false, means: 'an agent of that name exists already' },
  ERR_DUPLICATE_REQUEST: { retryable: false, means: 'a live request has that id already' },
  ERR_FLOW_PAUSED: { retryable: true, means: 'the agent asked for a pause and the flow-control mode says to fail' },
  ERR_HANDLER: { retryable: false, means: 'a handler threw an error that is not an AgentwireError' },
  ERR_INBOX_CLOSED: { retryable: false, means: 'the recipient has exited and its inbox is closed' },
  ERR_INBOX_FULL: { retryable: true, means: "the recipient's inbox holds as many messages as it may" },
  ERR_INTEGRITY: {
    retryable: false,
    means: 'an audit chain does not verify: an entry was changed, moved, dropped or added',
  },
  ERR_INVALID_ADDRESS: { retryable: false, means: 'an endpoint cannot be parsed, or no transport serves its scheme' },
  ERR_INVALID_ARGUMENT: { retryable: false, means: 'an argument or option has a value it cannot have' },
  ERR_INVALID_HEADER: { retryable: false, means: 'a header name or value holds a character that HTTP does not allow' },
  ERR_INVALID_STATE: { retryable: false, means: 'the object is not in a state in which this call makes sense' },
  ERR_INVALID_STATE_TRANSITION: {
    retryable: false,
    means: 'a process cannot move from its state to the one asked for',
  },
  ERR_IO: { retryable: true, means: 'the operating system refused a read, a write or a mapping' },
  ERR_MESSAGE_TOO_LARGE: { retryable: false, means: 'a message is longer than the connection can carry' },
  ERR_NO_HANDLER: { retryable: false, means: 'nothing was registered that could take the message' },
  ERR_NO_INBOX: { retryable: false, means: 'the recipient exists but has no inbox' },
  ERR_NO_RESPONDERS: { retryable: true, means: 'the request reached no process that could answer it' },
  ERR_NO_SPACE: { retryable: true, means: 'the disk or the quota for large bodies is full' },
  ERR_OVERLOADED: { retryable: true, means: 'a bound on requests, queue or buffered bytes has been reached' },
  ERR_PROCESS_NOT_FOUND: { retryable: false, means: 'no process has that pid' },
  ERR_PROTOCOL: { retryable: false, means: 'the other side sent something the protocol does not allow' },
  ERR_REFUSED: { retryable: false, means: 'the other side refused the handshake and gave the reason' },
  ERR_REQUEST_ENDED: { retryable: false, means: 'the request that a message answers has ended already' },
  ERR_SERVICE_NOT_FOUND: { retryable: false, means: 'no live process owns that service or method' },
  ERR_TIMEOUT: { retryable: true, means: 'the deadline passed before the answer came' },
  ERR_TOO_LATE: {
    retryable: false,
    means: 'header operations were decided after their head had been sent',
  },
  ERR_UNAUTHORIZED: { retryable: false, means: 'the credential was missing or wrong' },
  ERR_UNKNOWN_AGENT: { retryable: false, means: 'no agent of that name was added' },
  ERR_UNSUPPORTED: { retryable: false, means: 'the other side does not understand this message or option' },
  ERR_VERSION_MISMATCH: { retryable: false, means: 'the two sides share no protocol version' },
};

/** Options of {@link AgentwireError}. */
export interface AgentwireErrorOptions {
  /** Error that caused this one. */
  readonly cause?: unknown;
  /** Overrides the code's own {@link ERROR_CODES} entry. */
  readonly retryable?: boolean;
  /** Facts for machines: numbers, limits, names. Never a body or a header value. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

const BRAND = Symbol.for('agentwire.error');

/**
 * Error of agentwire: `code` says what failed, the message what to do about it.
 *
 * `instanceof` holds across copies of this package, because it looks at a brand and not at the prototype.
 */
export class AgentwireError extends Error {
  /** Stable name of the error; see {@link ERROR_CODES}. */
  readonly code: ErrorCode;
  /** True if the same call may succeed elsewhere or later. */
  readonly retryable: boolean;
  /** Facts for machines; never a body or a header value. */
  readonly detail: Readonly<Record<string, unknown>> | undefined;

  constructor(code: ErrorCode, message: string, options: AgentwireErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AgentwireError';
    this.code = code;
    this.retryable = options.retryable ?? ERROR_CODES[code].retryable;
    this.detail = options.detail;
    Object.defineProperty(this, BRAND, { value: true });
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && BRAND in value;
  }
}

// control characters, and those that change the direction of a text or end its line
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Escapes the characters of a third party's text that would act on a log or a terminal. */
export function printable(text: string): string {
  return text.toWellFormed().replaceAll(UNPRINTABLE, (one) => `\\u{${(one.codePointAt(0) ?? 0).toString(16)}}`);
}

/** Escapes in JSON what {@link printable} escapes in a text; it is the same value as before. */
export function printableJson(json: string): string {
  return json.replaceAll(UNPRINTABLE, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Returns the start of a third party's text, escaped as {@link printable} does. @param maxCharacters length of it before that */
export function printableStart(text: string, maxCharacters = 160): string {
  return text.length > maxCharacters ? `${printable(text.slice(0, maxCharacters))}…` : printable(text);
}

/** Returns the first 20 of a third party's texts, escaped and short: `a, b and 7 more`. */
export function printableList(texts: readonly string[]): string {
  const first = texts.slice(0, 20).map((text) => printableStart(text, 64));
  return first.join(', ') + (texts.length > first.length ? ` and ${texts.length - first.length} more` : '');
}

/** Returns `error` if it is an {@link AgentwireError}, and wraps anything else in one with `code`. */
export function toAgentwireError(error: unknown, code: ErrorCode, context?: string): AgentwireError {
  if (error instanceof AgentwireError) return error;
  const text = error instanceof Error ? error.message : String(error);
  return new AgentwireError(code, context === undefined ? text : `${context}: ${text}`, { cause: error });
}
