import type { HeaderList } from './events.ts';

/** A change of one header: `set` replaces every value of the name, `add` appends one, `remove` removes all. */
export type HeaderOp =
  | { readonly op: 'set' | 'add'; readonly name: string; readonly value: string }
  | { readonly op: 'remove'; readonly name: string };

/** Verdict that lets the request or response pass. */
interface AllowVerdict {
  readonly type: 'allow';
}

/** Verdict that answers the client with this status instead of asking the upstream. */
export interface BlockVerdict {
  readonly type: 'block';
  /** HTTP status, 200 to 999. */
  readonly status: number;
  readonly body?: string | undefined;
  /** Alternating names and values, one value per name. */
  readonly headers?: HeaderList | undefined;
}

/** Verdict that redirects the client. */
export interface RedirectVerdict {
  readonly type: 'redirect';
  /** Absolute with http or https, or a path that begins with one slash; without spaces. */
  readonly url: string;
  /** HTTP status, 300 to 399 but 304; usually 302 or 307. */
  readonly status: number;
}

/** Verdict that asks the client for a proof first (captcha, JavaScript…). */
export interface ChallengeVerdict {
  readonly type: 'challenge';
  readonly challengeType: string;
  readonly params: Readonly<Record<string, string>>;
}

/** Verdict on a request or response; `type` tells the variants apart. */
export type Verdict = AllowVerdict | BlockVerdict | RedirectVerdict | ChallengeVerdict;

/** Grounds of a decision, for logs and audit. */
export interface Audit {
  readonly tags?: readonly string[] | undefined;
  readonly ruleIds?: readonly string[] | undefined;
  /** 0 to 1. Travels as 32-bit float in the zentinel dialect and over gRPC. */
  readonly confidence?: number | undefined;
  readonly reasonCodes?: readonly string[] | undefined;
  /** Values are any JSON. */
  readonly custom?: Readonly<Record<string, unknown>> | undefined;
}

/** Change of one body chunk: `null` passes it, no bytes drop it, bytes replace it. */
export interface BodyMutation {
  readonly index: number;
  readonly data: Uint8Array | null;
}

/** Decision on one WebSocket frame. */
export type WebSocketDecision =
  | { readonly type: 'allow' }
  | { readonly type: 'drop' }
  /** `code` is 1000 to 4999 without the reserved ones, `reason` at most 123 bytes. */
  | { readonly type: 'close'; readonly code: number; readonly reason: string };

/** Finding of a guardrail. */
export interface GuardrailDetection {
  readonly category: string;
  readonly description: string;
  readonly severity: 'low' | 'medium' | 'high' | 'critical';
  readonly confidence?: number | undefined;
  /** Position in the content, in UTF-8 bytes. */
  readonly span?: { readonly start: number; readonly end: number } | undefined;
}

/** The answer to a {@link GuardrailInspect}; travels as JSON text in `routingMetadata.guardrail_response`, which `readGuardrailResult` reads. */
export interface GuardrailResult {
  readonly detected: boolean;
  readonly confidence: number;
  readonly detections: readonly GuardrailDetection[];
  readonly redactedContent?: string | undefined;
}

/** Permission of an agent to answer equal requests with its decision for a while. */
export interface DecisionCache {
  /** Time from the decision on, in milliseconds; 1 to 86 400 000. */
  readonly ttlMs: number;
  /**
   * All that the decision depends on, 1 to 32 names: `method`, `path`, `query`, `client` (its address), `server_name`, `protocol`, `route`; any
   * other name is that of a request header. `authorization`, `cookie`, `upgrade` and the presence of a body always count. A decision with a
   * name that can only be meant as a word, such as `uri`, is not cached.
   */
  readonly vary: readonly string[];
}

/**
 * Answer of an agent to one event. It has no id, so one deeply frozen decision can answer many requests, and transports cache
 * its encoded bytes. Absent lists are empty.
 */
export interface Decision {
  readonly verdict: Verdict;
  readonly requestHeaders?: readonly HeaderOp[] | undefined;
  readonly responseHeaders?: readonly HeaderOp[] | undefined;
  readonly audit?: Audit | undefined;
  /** True to get the next body chunk. Otherwise the agent is done with this body. */
  readonly needsMore?: boolean | undefined;
  readonly requestBodyMutation?: BodyMutation | undefined;
  readonly responseBodyMutation?: BodyMutation | undefined;
  readonly routingMetadata?: Readonly<Record<string, string>> | undefined;
  readonly webSocket?: WebSocketDecision | undefined;
  /** Set where the proxy may answer equal heads of requests with this decision. Needs feature `cache`. */
  readonly cache?: DecisionCache | undefined;
  /** Error of an agent that could not decide; the proxy applies its failure policy and ignores the verdict. Needs feature `errors`. */
  readonly error?: { readonly code: string; readonly message: string } | undefined;
}

/** Plain allow, deeply frozen, so that its bytes are encoded once. */
export const ALLOW: Decision = Object.freeze<Decision>({ verdict: Object.freeze({ type: 'allow' }) });
