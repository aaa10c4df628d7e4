import { AgentwireError, type Audit, type Decision, type HeaderList, type HeaderOp } from '@agentwire/core';
import type { EventBody, Exchange } from '@agentwire/core/session';
import { applyHeaderOps, HeaderMap } from '@agentwire/headers';
import { Refusal } from '@agentwire/pipeline';
import { verdictResponse } from '@agentwire/pipeline/internal';
import type {
  Phase,
  RequestBodyMode,
  TestBody,
  TestDecision,
  TestMessage,
  TestRequest,
  TestResult,
} from './test-request.ts';

/** Limit of a question: the time of a test is moved by the test alone. */
const NEVER_MS = 86_400_000;
const EMPTY = new Uint8Array(0);

function chunksOf(body: TestBody | undefined): Uint8Array[] {
  if (body === undefined) return [];
  const list = typeof body === 'string' || body instanceof Uint8Array ? [body] : body;
  return list.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece));
}

function messageOf(headers: HeaderList, body: readonly Uint8Array[]): TestMessage {
  const bytes = Buffer.concat(body);
  return { headers: new HeaderMap(headers), body: bytes, text: bytes.toString() };
}

/** Joins the audits of all decisions. */
function auditOf(decisions: readonly TestDecision[]): Audit {
  const audits = decisions.map(({ decision }) => decision.audit ?? {});
  return {
    ...(Object.assign({}, ...audits) as Audit),
    tags: audits.flatMap(({ tags = [] }) => tags),
    ruleIds: audits.flatMap(({ ruleIds = [] }) => ruleIds),
    reasonCodes: audits.flatMap(({ reasonCodes = [] }) => reasonCodes),
    custom: Object.assign({}, ...audits.map(({ custom }) => custom)) as Record<string, unknown>,
  };
}

/** One request on its way through an agent, as a proxy plays it: each event waits for the answer to the one before. */
export class Play {
  readonly #exchange: Exchange;
  readonly #events: ReadonlySet<string>;
  readonly #requestBody: RequestBodyMode;
  readonly #decisions: TestDecision[] = [];
  readonly #responseOps: HeaderOp[] = [];

  /** @param events types of events that the agent takes */
  constructor(exchange: Exchange, events: ReadonlySet<string>, requestBody: RequestBodyMode) {
    this.#exchange = exchange;
    this.#events = events;
    this.#requestBody = requestBody;
  }

  /** Plays the request to its end. Rejects with the code of a handler that failed. */
  async run(test: TestRequest): Promise<TestResult> {
    try {
      const result = await this.#run(test);
      const [requestBodySize, responseBodySize] = [
        result.request?.body.byteLength ?? 0,
        result.response?.body.byteLength ?? 0,
      ];
      const status = result.response?.status ?? 0;
      this.#exchange.complete({ status, durationMs: 0, requestBodySize, responseBodySize, upstreamAttempts: 1 });
      return result;
    } finally {
      this.#exchange.end();
    }
  }

  async #run({ method = 'GET', uri = '/', headers, body, metadata, response }: TestRequest): Promise<TestResult> {
    const request = await this.#message(
      'requestBodyChunk',
      {
        type: 'requestHeaders',
        method,
        uri,
        headers: new HeaderMap(headers).toRaw(),
        metadata,
        hasBody: body !== undefined,
      },
      chunksOf(body),
    );
    if (request === undefined || response === undefined) return this.#result(request, undefined);
    const { status = 200 } = response;
    const head = applyHeaderOps(new HeaderMap(response.headers).toRaw(), this.#responseOps);
    const hasBody = response.body !== undefined;
    const passed = await this.#message(
      'responseBodyChunk',
      { type: 'responseHeaders', status, headers: head, hasBody },
      chunksOf(response.body),
    );
    return this.#result(request, passed && { ...passed, status });
  }

  /** Asks about a head and its body. @returns the message that passes; `undefined` after a refusal */
  async #message(
    type: 'requestBodyChunk' | 'responseBodyChunk',
    head: EventBody & { readonly headers: HeaderList },
    chunks: readonly Uint8Array[],
  ): Promise<TestMessage | undefined> {
    const isRequest = type === 'requestBodyChunk';
    const first = await this.#ask(isRequest ? 'requestHeaders' : 'responseHeaders', head);
    if (first?.verdict.type !== undefined && first.verdict.type !== 'allow') return undefined;
    const ops = this.#opsOf(first, isRequest);
    const totalSize = chunks.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const passed: Uint8Array[] = [];
    let more = first === undefined ? this.#events.has(type) && chunks.length > 0 : first.needsMore === true;
    // an agent that asks for the body of a message without one gets its end
    for (const [index, data] of (more && chunks.length === 0 ? [EMPTY] : chunks).entries()) {
      const last = index >= chunks.length - 1;
      const decision = more ? await this.#ask(type, { type, index, data, last, totalSize }) : undefined;
      if (decision !== undefined && decision.verdict.type !== 'allow') return undefined;
      if (isRequest && index > 0) this.#checkInTime(decision);
      ops.push(...this.#opsOf(decision, isRequest));
      const mutation = isRequest ? decision?.requestBodyMutation : decision?.responseBodyMutation;
      passed.push(mutation?.data ?? data);
      more = more && decision?.needsMore === true;
    }
    return messageOf(applyHeaderOps(head.headers, ops), passed);
  }

  /** @throws AgentwireError `ERR_TOO_LATE` where a gateway has sent the head with the first chunk */
  #checkInTime({ requestHeaders = [] }: Partial<Decision> = {}): void {
    if (this.#requestBody !== 'stream' || requestHeaders.length === 0) return;
    const what =
      "the agent changed the head of the request after that had been sent with the first chunk; decide its headers with the head or the first chunk, or let the gateway buffer the body, which testAgent(agent, { requestBody: 'buffer' }) plays";
    throw new AgentwireError('ERR_TOO_LATE', what);
  }

  async #ask(phase: Phase, event: EventBody): Promise<Decision | undefined> {
    if (!this.#events.has(phase)) return undefined;
    const decision = await this.#exchange.ask(event, { timeoutMs: NEVER_MS });
    this.#decisions.push({ phase, decision });
    return decision;
  }

  #opsOf(decision: Decision | undefined, isRequest: boolean): HeaderOp[] {
    if (!isRequest) return [...(decision?.responseHeaders ?? [])];
    this.#responseOps.push(...(decision?.responseHeaders ?? []));
    return [...(decision?.requestHeaders ?? [])];
  }

  #result(request: TestMessage | undefined, passed: TestResult['response']): TestResult {
    const decisions = this.#decisions;
    const decision = decisions.at(-1)?.decision ?? { verdict: { type: 'allow' } };
    return { decisions, decision, audit: auditOf(decisions), request, response: passed ?? this.#own(decision) };
  }

  /** Answer to the client that a refusal makes, as a gateway writes it. */
  #own(decision: Decision): TestResult['response'] {
    if (decision.verdict.type === 'allow') return undefined;
    const { status, headers, body } = verdictResponse(new Refusal('tested', decision), this.#responseOps);
    return { status, ...messageOf(headers, [Buffer.from(body)]) };
  }
}
