import {
  ALLOW,
  AgentwireError,
  type Audit,
  type Decision,
  type HeaderOp,
  type Verdict,
  type WebSocketDecision,
} from '@agentwire/core';
import { CheckedDecision, checkDecisionField, checkNumber, deepFreeze } from '@agentwire/core/internal';
import { checkHeaderOps } from '@agentwire/headers';
import { appendHeaderOp } from './header-op.ts';

/** Change of the chunk or frame that a decision answers: bytes replace it, empty bytes drop it, `null` passes it. */
export type ChunkMutation = Uint8Array | null;

/**
 * Decision with methods that return a changed copy. A decision itself never changes, so that one in a constant can answer
 * any number of requests; {@link AgentDecision.freeze} makes such a constant cheap to send.
 *
 * Created by `allow()`, `block()`, `redirect()`, `challenge()`, `pass()`, `drop()`, `replace()` and `closeWebSocket()`.
 * Every part is checked when it is given, so an impossible decision throws where it is written.
 */
export class AgentDecision extends CheckedDecision implements Decision {
  // every field is always there, so that all decisions have one hidden class
  readonly verdict: Verdict;
  readonly requestHeaders: readonly HeaderOp[] | undefined = undefined;
  readonly responseHeaders: readonly HeaderOp[] | undefined = undefined;
  readonly audit: Audit | undefined = undefined;
  readonly needsMore: boolean | undefined = undefined;
  readonly routingMetadata: Readonly<Record<string, string>> | undefined = undefined;
  readonly webSocket: WebSocketDecision | undefined = undefined;
  #mutation: ChunkMutation | undefined;
  #done = false;

  /** @param mutation change of the chunk or frame that is answered */
  constructor(verdict: Verdict, mutation?: ChunkMutation) {
    super();
    if (verdict !== ALLOW.verdict) checkDecisionField('verdict', verdict);
    this.verdict = verdict;
    this.#mutation = mutation;
  }

  /** Returns the change that `pass()`, `drop()` or `replace()` made; `undefined` for other decisions. */
  static mutationOf(decision: Decision): ChunkMutation | undefined {
    return #mutation in decision ? decision.#mutation : undefined;
  }

  /** Returns whether {@link done} was called. */
  static isDone(decision: Decision): boolean {
    return #done in decision && decision.#done;
  }

  #copy(done = this.#done): Draft {
    const made = new AgentDecision(this.verdict, this.#mutation);
    made.#done = done;
    const copy: Draft = made;
    copy.requestHeaders = this.requestHeaders;
    copy.responseHeaders = this.responseHeaders;
    copy.audit = this.audit;
    copy.needsMore = this.needsMore;
    copy.routingMetadata = this.routingMetadata;
    copy.webSocket = this.webSocket;
    return copy;
  }

  #withAudit(change: Audit): AgentDecision {
    checkDecisionField('audit', change);
    const copy = this.#copy();
    copy.audit = { ...this.audit, ...change };
    return copy as AgentDecision;
  }

  #withRequestOp(operation: HeaderOp): AgentDecision {
    const copy = this.#copy();
    copy.requestHeaders = appendHeaderOp(this.requestHeaders, operation);
    return copy as AgentDecision;
  }

  #withResponseOp(operation: HeaderOp): AgentDecision {
    const copy = this.#copy();
    copy.responseHeaders = appendHeaderOp(this.responseHeaders, operation);
    return copy as AgentDecision;
  }

  /** Replaces every value of a request header. @throws AgentwireError `ERR_INVALID_HEADER` */
  setRequestHeader(name: string, value: string): AgentDecision {
    return this.#withRequestOp({ op: 'set', name, value });
  }

  /** Adds one more value of a request header. @throws AgentwireError `ERR_INVALID_HEADER` */
  addRequestHeader(name: string, value: string): AgentDecision {
    return this.#withRequestOp({ op: 'add', name, value });
  }

  /** Removes every value of a request header. @throws AgentwireError `ERR_INVALID_HEADER` */
  removeRequestHeader(name: string): AgentDecision {
    return this.#withRequestOp({ op: 'remove', name });
  }

  /** Replaces every value of a response header. @throws AgentwireError `ERR_INVALID_HEADER` */
  setResponseHeader(name: string, value: string): AgentDecision {
    return this.#withResponseOp({ op: 'set', name, value });
  }

  /** Adds one more value of a response header. @throws AgentwireError `ERR_INVALID_HEADER` */
  addResponseHeader(name: string, value: string): AgentDecision {
    return this.#withResponseOp({ op: 'add', name, value });
  }

  /** Removes every value of a response header. @throws AgentwireError `ERR_INVALID_HEADER` */
  removeResponseHeader(name: string): AgentDecision {
    return this.#withResponseOp({ op: 'remove', name });
  }

  /** Adds a header to the client's answer of a block, or replaces it. @throws AgentwireError `ERR_INVALID_STATE`, `ERR_INVALID_HEADER` */
  withBlockHeader(name: string, value: string): AgentDecision {
    const verdict = this.verdict;
    if (verdict.type !== 'block') {
      throw new AgentwireError('ERR_INVALID_STATE', `only a block has headers for the client, this is ${verdict.type}`);
    }
    checkHeaderOps([{ op: 'set', name, value }]);
    const others = verdict.headers ?? [];
    const at = others.findIndex((other, i) => i % 2 === 0 && other.toLowerCase() === name.toLowerCase());
    const headers = at < 0 ? [...others, name, value] : others.with(at + 1, value);
    const copy = this.#copy();
    copy.verdict = { ...verdict, headers };
    return copy as AgentDecision;
  }

  /** Adds tags for logs and audit. */
  withTag(...tags: string[]): AgentDecision {
    return this.#withAudit({ tags: [...(this.audit?.tags ?? []), ...tags] });
  }

  /** Adds ids of the rules that matched. */
  withRule(...ruleIds: string[]): AgentDecision {
    return this.#withAudit({ ruleIds: [...(this.audit?.ruleIds ?? []), ...ruleIds] });
  }

  /** Adds reason codes. */
  withReason(...reasonCodes: string[]): AgentDecision {
    return this.#withAudit({ reasonCodes: [...(this.audit?.reasonCodes ?? []), ...reasonCodes] });
  }

  /** Sets the agent's confidence, 0 to 1. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
  withConfidence(confidence: number): AgentDecision {
    return this.#withAudit({ confidence: checkNumber('confidence', confidence, 0, 1) });
  }

  /** Adds a value of your own to the audit: any JSON. */
  withCustom(key: string, value: unknown): AgentDecision {
    return this.#withAudit({ custom: { ...this.audit?.custom, [key]: value } });
  }

  /** Adds a routing hint for the proxy. */
  withRoutingMetadata(key: string, value: string): AgentDecision {
    checkDecisionField('routingMetadata', { [key]: value });
    const copy = this.#copy();
    copy.routingMetadata = { ...this.routingMetadata, [key]: value };
    return copy as AgentDecision;
  }

  /** Decides on the WebSocket frame that is answered. */
  withWebSocket(webSocket: WebSocketDecision): AgentDecision {
    checkDecisionField('webSocket', webSocket);
    const copy = this.#copy();
    copy.webSocket = webSocket;
    return copy as AgentDecision;
  }

  /**
   * Asks for the next chunk of the body. An allow of an agent that decides on chunks does so by itself; elsewhere, and on
   * the head of a message without a body, it has to be requested. With `false` it is {@link done}.
   */
  needsMoreBody(needsMore = true): AgentDecision {
    checkDecisionField('needsMore', needsMore);
    const copy = this.#copy(!needsMore);
    copy.needsMore = needsMore;
    return copy as AgentDecision;
  }

  /** Ends the inspection of this body: the rest of it passes without the agent. */
  done(): AgentDecision {
    const copy = this.#copy(true);
    copy.needsMore = undefined;
    return copy as AgentDecision;
  }

  /** Freezes this decision deeply and returns it; a frozen one is encoded once per encoding. */
  freeze(): this {
    return deepFreeze(this);
  }
}

/** Copy whose fields are still being set. */
type Draft = { -readonly [Key in keyof AgentDecision]: AgentDecision[Key] };
