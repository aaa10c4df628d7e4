import type { Decision, ProxyEvent, RequestHeaders } from '@agentwire/core';
import { printableJson } from '@agentwire/core/internal';
import type { Completion } from '@agentwire/core/session';
import { failureKindOf, isCachedDecision } from '@agentwire/pool/internal';
import { recordedBytes, recordedDecision, type Redaction } from '@agentwire/recording/internal';

/** Events that are recorded. */
export type Asked = Extract<
  ProxyEvent,
  { type: 'requestHeaders' | 'requestBodyChunk' | 'responseHeaders' | 'responseBodyChunk' }
>;

/** Rules that all requests of a recording share. */
export interface RequestRules {
  readonly redaction: Redaction;
  readonly maxBodyBytes: number;
}

/** Calls of one request and agent that are recorded; further ones are counted. */
const MAX_CALLS = 256;
/** Text of one request and agent, without bodies, in characters; further calls are counted. */
const MAX_CHARACTERS = 256 * 1024;

/** Returns the members of a call that tell that the agent did not decide just now. Its tags do not: an agent could write them. */
function originOf(decision: Decision): { failed?: true; cached?: true } {
  if (failureKindOf(decision) !== undefined) return { failed: true };
  return isCachedDecision(decision) ? { cached: true } : {};
}

/** Returns milliseconds with at most three decimals. */
const shortMs = (ms: number): number => Math.round(ms * 1_000) / 1_000;

/** One request and agent of a recording, while the request lasts: text in the format of a line, piece by piece. */
export class OpenRequest {
  readonly #rules: RequestRules;
  readonly #head: string;
  readonly #calls: string[] = [];
  readonly #bodyLeft = { requestBodyChunk: 0, responseBodyChunk: 0 };
  /** Event that waits for its decision, as an object whose end is missing. */
  #asked: string | undefined;
  #askedAt = 0;
  #moreCalls = 0;
  #bodyCharacters = 0;
  /** Length of its text, in characters. */
  length: number;

  /** @param observed set where nothing comes of the decisions */
  constructor(agent: string, event: RequestHeaders, time: number, observed: boolean, rules: RequestRules) {
    this.#rules = rules;
    const { redaction, maxBodyBytes } = rules;
    this.#bodyLeft.requestBodyChunk = maxBodyBytes;
    this.#bodyLeft.responseBodyChunk = maxBodyBytes;
    const { method, metadata, hasBody } = event;
    const { text: uri, ...leftOut } = redaction.address(event.uri);
    const text = JSON.stringify({
      recording: 1,
      time: new Date(time).toISOString(),
      id: String(event.id),
      agent,
      ...(observed && { observed }),
      request: { method, uri, ...leftOut, headers: redaction.headers(event.headers), hasBody, metadata },
    });
    this.#head = text.slice(0, -1);
    this.length = this.#head.length;
  }

  /** Begins a call. @param now time in milliseconds, of the clock */
  ask(event: Asked, now: number): void {
    this.#asked = undefined;
    const isFull = this.#calls.length >= MAX_CALLS || this.length - this.#bodyCharacters > MAX_CHARACTERS;
    if (isFull) {
      this.#moreCalls += 1;
      return;
    }
    this.#asked = JSON.stringify(this.#fields(event)).slice(0, -1);
    this.#askedAt = now;
    this.length += this.#asked.length;
  }

  /** Ends a call with its decision. */
  decided(decision: Decision, now: number): void {
    const { redaction, maxBodyBytes } = this.#rules;
    this.#end({ decision: recordedDecision(decision, redaction, maxBodyBytes), ...originOf(decision) }, now);
  }

  /** Ends a call without a decision. @param code code of the error */
  rejected(code: string, now: number): void {
    this.#end({ error: code }, now);
  }

  /** Returns the line, with its line feed. @param complete end of the request; `undefined` where it was cancelled or is not over */
  line(complete: Completion | undefined, now: number): string {
    this.rejected('ERR_ABORTED', now);
    const more = this.#moreCalls === 0 ? '' : `,"moreCalls":${this.#moreCalls}`;
    const end = complete === undefined ? '' : `,"complete":${JSON.stringify(complete)}`;
    // agents and clients choose its texts, and people look at the file in a terminal
    return `${printableJson(`${this.#head},"calls":[${this.#calls.join(',')}]${more}${end}}`)}\n`;
  }

  #end(outcome: object, now: number): void {
    if (this.#asked === undefined) return;
    const rest = JSON.stringify({ ...outcome, ms: shortMs(now - this.#askedAt) });
    this.#calls.push(`${this.#asked},${rest.slice(1)}`);
    this.length += rest.length;
    this.#asked = undefined;
  }

  #fields(event: Asked): object {
    if (event.type === 'requestHeaders') return { event: event.type };
    if (event.type === 'responseHeaders') {
      const { type, status, headers, hasBody } = event;
      return { event: type, status, headers: this.#rules.redaction.headers(headers), hasBody };
    }
    const { type, index, last, totalSize, data } = event;
    const recorded = recordedBytes(data, this.#bodyLeft[type]);
    // a body is recorded up to the first chunk that does not fit
    const isRecorded = recorded.text !== undefined || recorded.base64 !== undefined;
    this.#bodyLeft[type] = isRecorded ? this.#bodyLeft[type] - data.byteLength : 0;
    this.#bodyCharacters += recorded.text?.length ?? recorded.base64?.length ?? 0;
    return { event: type, index, last, totalSize, ...recorded };
  }
}
