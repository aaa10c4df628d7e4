import { type AgentwireError, ALLOW, type Decision, type EventType, toAgentwireError } from '@agentwire/core';
import type { EventBody, Exchange } from '@agentwire/core/session';
import { type Difference, differences } from './differences.ts';
import { bytesOf } from './recorded-decision.ts';
import { type RecordedCall, type RecordedRequest, sentHeaders } from './recorded-request.ts';

/** Outcome of a request that an agent was asked again. */
export interface Replayed {
  /** `skipped`: no decision could be compared. */
  readonly outcome: 'same' | 'changed' | 'failed' | 'skipped';
  /** Event at which the request ended early. */
  readonly event?: RecordedCall['event'] | undefined;
  /** Differences of the decision on that event; empty unless `changed`. */
  readonly differences: readonly Difference[];
  /** Reason for which a part of the request was not asked again. */
  readonly left?: string | undefined;
  readonly error?: AgentwireError | undefined;
  /** Calls that were asked again, with the decisions of today. */
  readonly asked: readonly { readonly call: RecordedCall; readonly decision: Decision }[];
}

/** Settings of {@link replayRequest}. */
export interface ReplayOptions {
  /** Types of events that the agent takes. */
  readonly events: ReadonlySet<EventType>;
  /** Time that one decision may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Values in place of redacted headers of requests, by name in lower case; default none, and such headers are not sent. */
  readonly headers?: ReadonlyMap<string, string> | undefined;
}

const CONTINUE: Decision = { ...ALLOW, needsMore: true };

/** Body that follows a head. */
const BODY_OF: Partial<Record<EventType, EventType>> = {
  requestHeaders: 'requestBodyChunk',
  responseHeaders: 'responseBodyChunk',
};

/** Returns the event of a recorded call; `undefined` where its content was not recorded. */
function eventOf(
  call: RecordedCall,
  { request: { headers, uri, ...head } }: RecordedRequest,
  values: ReplayOptions['headers'],
): EventBody | undefined {
  const { event: type } = call;
  if (type === 'requestHeaders') {
    const { method, metadata, hasBody } = head;
    return { type, method, uri, metadata, hasBody, headers: sentHeaders(headers, values) };
  }
  if (type === 'responseHeaders') {
    const { status = 0, headers: lines = [], hasBody } = call;
    return { type, status, headers: sentHeaders(lines), hasBody };
  }
  const data = bytesOf(call);
  const { index = 0, last = true, totalSize } = call;
  return data && { type, index, data, last, totalSize };
}

/** Returns the calls to ask again: also the head for an agent that takes heads now. */
function callsOf({ calls }: RecordedRequest, { events }: ReplayOptions): readonly RecordedCall[] {
  if (calls[0]?.event === 'requestHeaders' || !events.has('requestHeaders')) return calls;
  return [{ event: 'requestHeaders', decision: { decision: 'allow', needs_more: true }, ms: 0 }, ...calls];
}

/** Asks an agent again what it was asked about one request, until a decision differs; each event waits for the answer to the one before. Never rejects. */
export async function replayRequest(
  exchange: Exchange,
  recorded: RecordedRequest,
  options: ReplayOptions,
): Promise<Replayed> {
  const { events, timeoutMs, headers } = options;
  const asked: { call: RecordedCall; decision: Decision }[] = [];
  let event: RecordedCall['event'] | undefined;
  const ended = (outcome: Replayed['outcome'], more: Partial<Replayed> = {}): Replayed => {
    if (outcome === 'same' && more.left === undefined && recorded.complete !== undefined)
      exchange.complete(recorded.complete);
    else exchange.cancel();
    return { outcome, differences: [], asked, event, ...more };
  };
  const left = (reason: string): Replayed => ended(asked.length === 0 ? 'skipped' : 'same', { left: reason });
  try {
    for (const call of callsOf(recorded, options)) {
      ({ event } = call);
      if (call.failed === true || call.decision === undefined) return left('the agent had not decided');
      const question = eventOf(call, recorded, headers);
      if (question === undefined) return left('its body was not recorded');
      const body = BODY_OF[event];
      const untaken = body !== undefined && events.has(body) ? CONTINUE : ALLOW;
      const decision = events.has(event) ? await exchange.ask(question, { timeoutMs }) : untaken;
      asked.push({ call, decision });
      const found = differences(call.decision, decision);
      if (found.length > 0) return ended('changed', { differences: found });
    }
    event = undefined;
    if (asked.length === 0) return left('the agent was asked nothing');
    return recorded.moreCalls === undefined ? ended('same') : left('it had more calls than a recording keeps');
  } catch (error) {
    return ended('failed', { error: toAgentwireError(error, 'ERR_PROTOCOL') });
  } finally {
    exchange.end();
  }
}
