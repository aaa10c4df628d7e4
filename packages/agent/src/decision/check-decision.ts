import { ALLOW, AgentwireError, type Decision, type GuardrailResult, type ProxyEvent } from '@agentwire/core';
import {
  CheckedDecision,
  checkDecision as checkFields,
  checkOneValueAName,
  isDeepFrozen,
} from '@agentwire/core/internal';
import { checkHeaderOps } from '@agentwire/headers';
import type { Message } from '../body/message.ts';
import { BodyChange } from '../change/body-change.ts';
import { AgentDecision } from './agent-decision.ts';

/** Hand-made, deeply frozen decisions that have been checked. */
const valid = new WeakSet<Decision>();

/**
 * Checks the result of a handler. Decisions of the builders have been checked; a hand-made one is checked as they are, a
 * frozen one once.
 *
 * @throws AgentwireError `ERR_HANDLER` if it is no decision; `ERR_INVALID_HEADER`, `ERR_INVALID_ARGUMENT` if it is an
 * impossible one
 */
export function checkDecision(handler: string, value: Decision): Decision {
  if (typeof value !== 'object' || value === null || typeof value.verdict !== 'object')
    throw notADecision(handler, value);
  if (CheckedDecision.is(value) || valid.has(value)) return value;
  checkFields(value);
  if (value.requestHeaders !== undefined) checkHeaderOps(value.requestHeaders);
  if (value.responseHeaders !== undefined) checkHeaderOps(value.responseHeaders);
  if (value.verdict.type === 'redirect') checkRedirectUrl(value.verdict.url);
  if (value.verdict.type === 'block') checkOneValueAName(value.verdict.headers);
  if (isDeepFrozen(value)) valid.add(value);
  return value;
}

/** Names the type of the wrong value, without showing it. */
function notADecision(handler: string, value: unknown): AgentwireError {
  const got = value === null ? 'null' : typeof value;
  return new AgentwireError(
    'ERR_HANDLER',
    `${handler} gave ${got} instead of a decision; end it with allow(), block()…`,
  );
}

/** Checks the URL of a redirect. @throws AgentwireError `ERR_INVALID_HEADER` if a Location header cannot carry it as it is */
export function checkRedirectUrl(url: string): void {
  if (/^[\x21-\x7e]+$/.test(url)) return;
  const what = 'the url of a redirect must be printable ASCII without spaces; encode it first';
  throw new AgentwireError('ERR_INVALID_HEADER', what, { detail: { field: 'verdict.url' } });
}

/** Checks what a handler decided after `skipRest()`. @throws AgentwireError `ERR_TOO_LATE` for everything but an allow that changes nothing */
export function checkAfterSkip(decision: Decision): void {
  const { verdict, requestHeaders = [], responseHeaders = [], routingMetadata } = decision;
  const changes =
    requestHeaders.length + responseHeaders.length > 0 ||
    routingMetadata !== undefined ||
    AgentDecision.mutationOf(decision) !== undefined;
  if (verdict.type === 'allow' && !changes) return;
  const lost = verdict.type === 'allow' ? 'changes of its allow()' : verdict.type;
  const what = `skipRest() has passed the message, so the ${lost} came too late: decide before skipRest(), or without it`;
  throw new AgentwireError('ERR_TOO_LATE', what);
}

/** Context that takes the change of a body. */
interface ChangedHead {
  bodyChange: BodyChange | undefined;
}

/** Moves the result of `pass()`, `drop()` or `replace()` into the field that answers the event. @throws AgentwireError `ERR_HANDLER` */
export function placeMutation(decision: Decision, event: ProxyEvent, context: ChangedHead): Decision {
  const data = AgentDecision.mutationOf(decision);
  if (decision.webSocket !== undefined && event.type !== 'webSocketFrame')
    throw new AgentwireError('ERR_HANDLER', `closeWebSocket() answers frames, not ${event.type}; end it with block()`);
  if (data === undefined) {
    checkMutation('request', decision.requestBodyMutation, event);
    checkMutation('response', decision.responseBodyMutation, event);
    return decision;
  }
  if (data instanceof BodyChange) {
    if (event.type !== 'requestHeaders' && event.type !== 'responseHeaders')
      throw new AgentwireError(
        'ERR_HANDLER',
        `changes of a body answer its head, not ${event.type}; end with replace(bytes) here`,
      );
    context.bodyChange = data;
    return { ...decision };
  }
  if (event.type === 'webSocketFrame') return placeInFrame(decision, data);
  if (event.type !== 'requestBodyChunk' && event.type !== 'responseBodyChunk') {
    throw new AgentwireError('ERR_HANDLER', `pass(), drop() and replace() answer chunks and frames, not ${event.type}`);
  }
  const mutation = { index: event.index, data };
  return event.type === 'requestBodyChunk'
    ? { ...decision, requestBodyMutation: mutation }
    : { ...decision, responseBodyMutation: mutation };
}

/** Checks that the body mutation of a hand-made decision is for the chunk that it answers. */
function checkMutation(
  direction: 'request' | 'response',
  mutation: Decision['requestBodyMutation'],
  event: ProxyEvent,
): void {
  if (mutation === undefined) return;
  if ('data' in event && event.type === `${direction}BodyChunk` && event.index === mutation.index) return;
  const what = `${direction}BodyMutation of chunk ${mutation.index} does not answer this ${event.type}; answer the chunk itself with pass(), drop() or replace()`;
  throw new AgentwireError('ERR_HANDLER', what);
}

function placeInFrame(decision: Decision, data: Uint8Array | null): Decision {
  if (data === null) return { ...decision };
  if (data.byteLength > 0) throw new AgentwireError('ERR_HANDLER', 'a WebSocket frame can be dropped, not replaced');
  return { ...decision, webSocket: { type: 'drop' } };
}

/** Normalizes a guardrail handler's result to a decision. */
export function guardrailDecision(result: GuardrailResult | Decision): Decision {
  if (typeof result !== 'object' || result === null || !('detected' in result)) return result;
  const { detected, confidence, detections, redactedContent } = result;
  const text = JSON.stringify({ detected, confidence, detections, redacted_content: redactedContent });
  return { verdict: ALLOW.verdict, routingMetadata: { guardrail_response: text } };
}

/**
 * Asks for more of a body unless the handler decided otherwise: after a chunk that is not the last, and after a head whose
 * body a handler of chunks waits for.
 *
 * @param decision decision as it would be sent so far
 * @param given result of the handler
 * @param message message whose chunks a handler decides on, where `event` is its head
 */
export function askForMore(
  decision: Decision,
  given: Decision,
  event: ProxyEvent,
  message: Message | undefined,
): Decision {
  if (decision.needsMore !== undefined || decision.verdict.type !== 'allow') return decision;
  if (event.type === 'requestBodyChunk' || event.type === 'responseBodyChunk') {
    if (!event.last && !AgentDecision.isDone(given)) return withMore(decision);
    return AgentDecision.mutationOf(given) === undefined ? decision : { ...decision, needsMore: false };
  }
  if (message === undefined || AgentDecision.isDone(given)) return decision;
  // a handler that has read the body itself has decided on it
  return message.reader?.used === true || !message.hasBody ? decision : withMore(decision);
}

/** Copies that ask for more, by their frozen original: frozen decisions are encoded once (`pnpm bench`, 2–4 ×). */
const copies = new WeakMap<Decision, Decision>();

function withMore(decision: Decision): Decision {
  if (!Object.isFrozen(decision)) return { ...decision, needsMore: true };
  const known = copies.get(decision);
  if (known !== undefined) return known;
  const made = Object.freeze<Decision>({ ...decision, needsMore: true });
  copies.set(decision, made);
  return made;
}
