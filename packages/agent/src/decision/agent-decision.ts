import {
  ALLOW,
  AgentwireError,
  type Audit,
  type Decision,
  type DecisionCache,
  type HeaderOp,
  type Verdict,
  type WebSocketDecision,
} from '@agentwire/core';
import {
  CheckedDecision,
  checkDecisionField,
  checkInteger,
  checkKnownOptions,
  checkNumber,
  deepFreeze,
} from '@agentwire/core/internal';
import { BodyChange, type BodyChangeOptions, type BodyTransform, type ChunkMutation } from '../change/body-change.ts';
import type { TextReplacement } from '../change/text-replacer.ts';
import { appendHeaderOp, setBlockHeader } from './header-op.ts';
import { checkVaryWords } from './vary-words.ts';

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
  readonly cache: DecisionCache | undefined = undefined;
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
    copy.cache = this.cache;
    return copy;
  }

  #with<Name extends keyof Draft>(name: Name, value: Draft[Name]): AgentDecision {
    const copy = this.#copy();
    copy[name] = value;
    return copy as AgentDecision;
  }

  #withAudit(change: Audit): AgentDecision {
    checkDecisionField('audit', change);
    return this.#with('audit', { ...this.audit, ...change });
  }

  /** Replaces every value of a request header. @throws AgentwireError `ERR_INVALID_HEADER` */
  setRequestHeader(name: string, value: string): AgentDecision {
    return this.#with('requestHeaders', appendHeaderOp(this.requestHeaders, { op: 'set', name, value }));
  }

  /** Adds one more value of a request header. @throws AgentwireError `ERR_INVALID_HEADER` */
  addRequestHeader(name: string, value: string): AgentDecision {
    return this.#with('requestHeaders', appendHeaderOp(this.requestHeaders, { op: 'add', name, value }));
  }

  /** Removes every value of a request header. @throws AgentwireError `ERR_INVALID_HEADER` */
  removeRequestHeader(name: string): AgentDecision {
    return this.#with('requestHeaders', appendHeaderOp(this.requestHeaders, { op: 'remove', name }));
  }

  /** Replaces every value of a response header. @throws AgentwireError `ERR_INVALID_HEADER` */
  setResponseHeader(name: string, value: string): AgentDecision {
    return this.#with('responseHeaders', appendHeaderOp(this.responseHeaders, { op: 'set', name, value }));
  }

  /** Adds one more value of a response header. @throws AgentwireError `ERR_INVALID_HEADER` */
  addResponseHeader(name: string, value: string): AgentDecision {
    return this.#with('responseHeaders', appendHeaderOp(this.responseHeaders, { op: 'add', name, value }));
  }

  /** Removes every value of a response header. @throws AgentwireError `ERR_INVALID_HEADER` */
  removeResponseHeader(name: string): AgentDecision {
    return this.#with('responseHeaders', appendHeaderOp(this.responseHeaders, { op: 'remove', name }));
  }

  /** Adds a header to the client's answer of a block, or replaces it. @throws AgentwireError `ERR_INVALID_STATE`, `ERR_INVALID_HEADER` */
  withBlockHeader(name: string, value: string): AgentDecision {
    return this.#with('verdict', setBlockHeader(this.verdict, name, value));
  }

  /** Puts `data` in the place of the body whose head this answers, if there is one, and encodes it in the content-encoding of that. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
  replaceBody(data: Uint8Array | string, options?: BodyChangeOptions): AgentDecision {
    return this.#withBodyChange(BodyChange.whole(data, options));
  }

  /**
   * Replaces every match of `pattern` in the body whose head this answers, while the body streams: across chunks and inside a
   * content-encoding, with the result that `replaceAll` has on the whole text.
   *
   * @param pattern text, or a RegExp whose matches have a longest one (65 536 characters at most): `{1,100}` instead of `+`
   * @param replacement text as it is (`$1` is no group), or a function of the match and its groups @throws AgentwireError `ERR_INVALID_ARGUMENT`
   */
  replaceText(pattern: string | RegExp, replacement: TextReplacement): AgentDecision {
    return this.#withBodyChange(BodyChange.text(pattern, replacement));
  }

  /** Passes the body whose head this answers through an async generator. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
  transformBody(transform: BodyTransform, options?: BodyChangeOptions): AgentDecision {
    return this.#withBodyChange(new BodyChange(transform, options));
  }

  #withBodyChange(change: BodyChange): AgentDecision {
    if (this.cache !== undefined) throw uncacheable();
    const copy = this.#copy() as AgentDecision;
    copy.#mutation = change.onto(this.verdict, this.#mutation);
    return copy;
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
    return this.#with('routingMetadata', { ...this.routingMetadata, [key]: value });
  }

  /** Decides on the WebSocket frame that is answered. */
  withWebSocket(webSocket: WebSocketDecision): AgentDecision {
    checkDecisionField('webSocket', webSocket);
    return this.#with('webSocket', webSocket);
  }

  /**
   * Lets the proxy answer equal heads of requests with this decision for `ms` milliseconds, 1 to 86 400 000, without asking. Proxies do
   * so only where they were told to (`decisionCache` of the pool), for answers to heads of requests after which the agent gets no further
   * event of the request, and until the agent restarts or gets a configuration.
   *
   * @param options.vary all that the decision depends on, 1 to 32 names: `method`, `path`, `query`, `client`, `server_name`, `protocol`, `route`;
   * any other name is that of a request header. `authorization`, `cookie`, `upgrade` and the presence of a body always count. Names that can only
   * be meant as a word, such as `uri`, `client_ip` or `*`, are refused
   * @throws AgentwireError `ERR_INVALID_ARGUMENT`; `ERR_INVALID_STATE` for a decision that changes a body
   */
  cacheFor(ms: number, options: { readonly vary: readonly string[] }): AgentDecision {
    checkKnownOptions('cacheFor', options, ['vary']);
    if (this.#mutation !== undefined) throw uncacheable();
    const { vary } = options;
    const cache = {
      ttlMs: checkInteger('ms', ms, 1, 86_400_000),
      vary: Array.isArray(vary) ? [...new Set(vary)] : vary,
    };
    checkDecisionField('cache', cache, 'cacheFor');
    checkVaryWords(cache.vary);
    return this.#with('cache', cache);
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

/** Creates the error of a decision that belongs to one body. */
function uncacheable(): AgentwireError {
  return new AgentwireError(
    'ERR_INVALID_STATE',
    'a decision that changes a body belongs to that body: it cannot be cached',
  );
}

/** Copy whose fields are still being set. */
type Draft = { -readonly [Key in keyof AgentDecision]: AgentDecision[Key] };
