import type { HeaderList } from './events.ts';

/** A change of one header: `set` replaces every value of the name, `add` appends one, `remove` takes all away. */
export type HeaderOp =
  | { readonly op: 'set' | 'add'; readonly name: string; readonly value: string }
  | { readonly op: 'remove'; readonly name: string };

/** Let the request or response pass. */
export interface AllowVerdict {
  readonly type: 'allow';
}

/** Answer the client with this status instead of asking the upstream. */
export interface BlockVerdict {
  readonly type: 'block';
  /** HTTP status, 200 to 999. */
  readonly status: number;
  readonly body?: string | undefined;
  /** Names and values in turn, one value a name. */
  readonly headers?: HeaderList | undefined;
}

/** Send the client elsewhere. */
export interface RedirectVerdict {
  readonly type: 'redirect';
  /** Absolute with http or https, or a path that begins with one slash; without spaces. */
  readonly url: string;
  /** HTTP status, 300 to 399 but 304; usually 302 or 307. */
  readonly status: number;
}

/** Ask the client to prove something first (captcha, JavaScript…). */
export interface ChallengeVerdict {
  readonly type: 'challenge';
  readonly challengeType: string;
  readonly params: Readonly<Record<string, string>>;
}

/** What is to be done with the request; `type` tells the variants apart. */
export type Verdict = AllowVerdict | BlockVerdict | RedirectVerdict | ChallengeVerdict;

/** Why a decision was made, for logs and audit. */
export interface Audit {
  readonly tags?: readonly string[] | undefined;
  readonly ruleIds?: readonly string[] | undefined;
  /** 0 to 1. Travels as 32-bit float in the zentinel dialect and over gRPC. */
  readonly confidence?: number | undefined;
  readonly reasonCodes?: readonly string[] | undefined;
  /** Values are any JSON. */
  readonly custom?: Readonly<Record<string, unknown>> | undefined;
}

/** What to do with one body chunk: `null` passes it, no bytes drop it, bytes replace it. */
export interface BodyMutation {
  readonly index: number;
  readonly data: Uint8Array | null;
}

/** What to do with one WebSocket frame. */
export type WebSocketDecision =
  | { readonly type: 'allow' }
  | { readonly type: 'drop' }
  /** `code` is 1000 to 4999 without those that no frame may have, `reason` at most 123 bytes. */
  | { readonly type: 'close'; readonly code: number; readonly reason: string };

/** One thing that a guardrail found. */
export interface GuardrailDetection {
  readonly category: string;
  readonly description: string;
  readonly severity: 'low' | 'medium' | 'high' | 'critical';
  readonly confidence?: number | undefined;
  /** Where it stands in the content, in UTF-8 bytes. */
  readonly span?: { readonly start: number; readonly end: number } | undefined;
}

/** The answer to a {@link GuardrailInspect}; travels as JSON text in `routingMetadata.guardrail_response`. */
export interface GuardrailResult {
  readonly detected: boolean;
  readonly confidence: number;
  readonly detections: readonly GuardrailDetection[];
  readonly redactedContent?: string | undefined;
}

/**
 * An agent's answer to one event. Has no id, so one deeply frozen decision can answer many requests, and transports
 * keep its encoded bytes. Absent lists are empty.
 */
export interface Decision {
  readonly verdict: Verdict;
  readonly requestHeaders?: readonly HeaderOp[] | undefined;
  readonly responseHeaders?: readonly HeaderOp[] | undefined;
  readonly audit?: Audit | undefined;
  /** Asks for the next body chunk. Without it the agent is done with this body. */
  readonly needsMore?: boolean | undefined;
  readonly requestBodyMutation?: BodyMutation | undefined;
  readonly responseBodyMutation?: BodyMutation | undefined;
  readonly routingMetadata?: Readonly<Record<string, string>> | undefined;
  readonly webSocket?: WebSocketDecision | undefined;
  /** The agent could not decide; the proxy applies its failure policy and ignores the verdict. Needs feature `errors`. */
  readonly error?: { readonly code: string; readonly message: string } | undefined;
}

/** The plain allow: deeply frozen, so that its bytes are encoded once. */
export const ALLOW: Decision = Object.freeze<Decision>({ verdict: Object.freeze({ type: 'allow' }) });
