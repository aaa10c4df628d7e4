import { ALLOW, AgentwireError, type Decision, type HeaderOp, type Peer } from '@agentwire/core';
import { freeMessage } from '@agentwire/core/internal';
import type { HeaderMap } from '@agentwire/headers';
import { CONTINUE } from '../run/handler-run.ts';
import { mayFree } from '../zentinel/response-bodies.ts';

/** Received piece of a body. */
export interface BodyPiece {
  readonly index: number;
  readonly data: Uint8Array;
  readonly last: boolean;
  readonly truncated: boolean;
}

/** Message whose body is answered. */
export interface AnsweredMessage {
  readonly headers: HeaderMap;
  /** `true` for a request, `false` for a response. */
  readonly isRequest: boolean;
  readonly peer: Peer;
}

/** Bytes of an answer besides the body that it carries. */
const ANSWER_BYTES = 65_536;
const NOTHING = new Uint8Array(0);

/** Headers about the bytes of a body; they no longer hold once it has changed. */
const ABOUT_BYTES: readonly string[] = ['content-length', 'content-md5', 'digest', 'content-digest', 'repr-digest'];
const ABOUT_RESPONSE_BYTES: readonly string[] = [...ABOUT_BYTES, 'etag', 'accept-ranges'];

/** Returns the longest body that one answer to a peer can carry, in bytes. */
function longestFor({ encoding, maxMessageBytes }: Peer): number {
  // base64 takes four characters for three bytes
  return Math.floor((maxMessageBytes - ANSWER_BYTES) * (encoding === 'json' ? 0.74 : 1));
}

/**
 * Answers to the chunks of one body. `pass`: each chunk passes as it is. `hold`: chunks are kept and passed with the decision.
 * `change`: what was given for a chunk takes its place.
 */
export class BodyAnswers {
  mode: 'pass' | 'hold' | 'change' = 'pass';
  readonly message: AnsweredMessage;
  /** Index of the chunk that came last; -1 before the first. */
  #index = -1;
  #kept: Uint8Array[] = [];
  #keptBytes = 0;
  /** `true` if the proxy got less than was received, so that the last answer has to carry the rest. */
  #owes = false;

  constructor(message: AnsweredMessage) {
    this.message = message;
  }

  /** Leaves `pass`. @throws AgentwireError `ERR_UNSUPPORTED` if the peer ignores changes to this body */
  begin(mode: 'hold' | 'change'): void {
    const { peer, isRequest } = this.message;
    const ignored = isRequest ? 'request_body_mutation_ignored' : 'response_body_mutation_ignored';
    if (peer.quirks.includes(ignored) || (!isRequest && peer.quirks.includes('response_body_mutation_required'))) {
      const what = `${peer.name} does not take the changed ${isRequest ? 'request' : 'response'} body of an agent; block the request instead`;
      throw new AgentwireError('ERR_UNSUPPORTED', what);
    }
    this.mode = mode;
  }

  /** Takes note of a chunk. @throws AgentwireError `ERR_BODY_TOO_LARGE` if more is held than one answer can carry */
  received(index: number, data: Uint8Array): void {
    this.#index = index;
    if (this.mode === 'hold') this.keep(data);
  }

  /** Keeps bytes for the next answer. @throws AgentwireError `ERR_BODY_TOO_LARGE` past what one answer can carry */
  keep(data: Uint8Array): void {
    const limit = longestFor(this.message.peer);
    this.#keptBytes += data.byteLength;
    if (this.#keptBytes > limit) {
      const what = `a body that is held or changed may have ${limit} bytes in one answer; change it piece by piece with transformBody()`;
      throw new AgentwireError('ERR_BODY_TOO_LARGE', what, { detail: { limit } });
    }
    if (data.byteLength > 0) this.#kept.push(data);
  }

  /** Frees a piece that nothing reads any more, unless an answer has its bytes. */
  free(data: Uint8Array): void {
    const { peer, isRequest } = this.message;
    if (this.mode !== 'hold' && mayFree(peer, isRequest)) freeMessage(data);
  }

  /** Returns what is kept, and keeps nothing any more. */
  take(): Uint8Array {
    const [first = NOTHING] = this.#kept;
    const all = this.#kept.length > 1 ? Buffer.concat(this.#kept, this.#keptBytes) : first;
    this.#kept = [];
    this.#keptBytes = 0;
    return all;
  }

  /** Operations on the head of a body that changes. */
  headOps(): readonly HeaderOp[] {
    const { headers, isRequest } = this.message;
    const names = isRequest ? ABOUT_BYTES : ABOUT_RESPONSE_BYTES;
    return names.filter((name) => headers.has(name)).map((name) => ({ op: 'remove', name }));
  }

  /** Answer that asks for the next chunk. */
  more(): Decision {
    if (this.mode === 'pass') return CONTINUE;
    if (this.#index < 0) return withHeadOps(CONTINUE, this);
    this.#owes = true;
    return this.#with(CONTINUE, this.mode === 'hold' ? NOTHING : this.take());
  }

  /** Decision for the chunk that came last, with the bytes that the proxy has not got. */
  last(decision: Decision): Decision {
    if (this.mode === 'pass' || this.#index < 0 || decision.verdict.type !== 'allow') return decision;
    if (this.mode === 'hold' && !this.#owes) return decision;
    this.#owes = false;
    return this.#with(decision, this.take());
  }

  /** Decision for one more chunk, after a decision that was made before it came. */
  late(decision: Decision, index: number, data: Uint8Array): Decision {
    if (!this.#owes || decision.verdict.type !== 'allow') return decision;
    this.received(index, data);
    return this.last(decision);
  }

  /** Makes the last answer carry what is kept: the body that was held is to be replaced by it. */
  owe(): void {
    this.#owes = true;
  }

  #with(decision: Decision, data: Uint8Array): Decision {
    const mutation = { index: this.#index, data };
    return this.message.isRequest
      ? { ...decision, requestBodyMutation: mutation }
      : { ...decision, responseBodyMutation: mutation };
  }
}

/** Adds the operations of a body that changes to the answer to its head. */
export function withHeadOps(decision: Decision, answers: BodyAnswers): Decision {
  const { isRequest } = answers.message;
  const given = (isRequest ? decision.requestHeaders : decision.responseHeaders) ?? [];
  const ops = [...answers.headOps(), ...given];
  const more = { ...decision, verdict: ALLOW.verdict, needsMore: true };
  return isRequest ? { ...more, requestHeaders: ops } : { ...more, responseHeaders: ops };
}
