import {
  AgentwireError,
  type Decision,
  type ErrorCode,
  type HeaderList,
  type HeaderOp,
  type ProxyEvent,
} from '@agentwire/core';
import { CheckedDecision, checkDecision as checkFields, isDeepFrozen } from '@agentwire/core/internal';
import { checkHeaderOps } from '@agentwire/headers';
import type { Message } from '../body/message.ts';
import { AgentDecision } from '../decision/agent-decision.ts';
import { checkUrl } from '../decision/redirect-url.ts';

/** Says what a handler gave instead of a decision, without showing it. */
function notADecision(handler: string, value: unknown): AgentwireError {
  const got = value === null ? 'null' : typeof value;
  return new AgentwireError(
    'ERR_HANDLER',
    `${handler} gave ${got} instead of a decision; end it with allow(), block()…`,
  );
}

const sound = new WeakSet<Decision>();

/**
 * Checks what a handler gave. What the builders made has been checked; a decision made by hand is checked as they do, a
 * frozen one once.
 *
 * @throws AgentwireError `ERR_HANDLER` for what is no decision; `ERR_INVALID_HEADER`, `ERR_INVALID_ARGUMENT` for one that
 * cannot be
 */
export function checkDecision(handler: string, value: Decision): Decision {
  if (typeof value !== 'object' || value === null || typeof value.verdict !== 'object')
    throw notADecision(handler, value);
  if (CheckedDecision.is(value) || sound.has(value)) return value;
  checkFields(value);
  if (value.requestHeaders !== undefined) checkHeaderOps(value.requestHeaders);
  if (value.responseHeaders !== undefined) checkHeaderOps(value.responseHeaders);
  if (value.verdict.type === 'redirect') checkUrl(value.verdict.url);
  if (value.verdict.type === 'block') checkNames(value.verdict.headers);
  if (isDeepFrozen(value)) sound.add(value);
  return value;
}

/** Throws for a name that comes twice in the headers of a block, which most wires have in a map. */
function checkNames(headers: HeaderList = []): void {
  const names = new Set<string>();
  for (let i = 0; i < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase();
    if (names.has(name)) {
      const what = `the headers of a block have ${name.slice(0, 64)} twice; a block carries one value a name`;
      throw new AgentwireError('ERR_INVALID_HEADER', what, { detail: { field: 'verdict.headers' } });
    }
    names.add(name);
  }
}

/** Puts what `pass()`, `drop()` or `replace()` said where the event wants it. */
export function placeMutation(decision: Decision, event: ProxyEvent): Decision {
  const data = AgentDecision.mutationOf(decision);
  if (data === undefined) {
    checkMutation('request', decision.requestBodyMutation, event);
    checkMutation('response', decision.responseBodyMutation, event);
    return decision;
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

/** Throws for a body mutation that a hand-made decision gives for anything but the chunk that it answers. */
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

/**
 * Asks for more of a body where the handler has not said otherwise: after a chunk that is not the last, and after a head
 * whose body a handler of chunks waits for.
 *
 * @param decision what goes out so far
 * @param given what the handler gave
 * @param message whose chunks a handler decides on, where `event` is its head
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

/** Frozen decisions are encoded once, so what is made of one is kept with it. */
const asked = new WeakMap<Decision, Decision>();

function withMore(decision: Decision): Decision {
  if (!Object.isFrozen(decision)) return { ...decision, needsMore: true };
  const known = asked.get(decision);
  if (known !== undefined) return known;
  const made = Object.freeze<Decision>({ ...decision, needsMore: true });
  asked.set(decision, made);
  return made;
}

const SPACE = Uint8Array.of(0x20);

/**
 * Gives the bytes of a response chunk back in its answer, for proxies that lose what is not in there. They take no bytes
 * for no answer, so a dropped chunk is replaced by a space.
 */
export function withUnchangedData(
  decision: Decision,
  event: Extract<ProxyEvent, { type: 'responseBodyChunk' }>,
): Decision {
  if (decision.verdict.type !== 'allow') return decision;
  const data = decision.responseBodyMutation?.data ?? undefined;
  if (data !== undefined && (data.byteLength > 0 || event.data.byteLength === 0)) return decision;
  return { ...decision, responseBodyMutation: { index: event.index, data: data === undefined ? event.data : SPACE } };
}

/** Takes the length of a response away whose chunks may be replaced, for proxies that would cut the body there. */
export function withoutLength(decision: Decision): Decision {
  if (decision.needsMore !== true) return decision;
  return { ...decision, responseHeaders: [...(decision.responseHeaders ?? []), NO_LENGTH] };
}

const NO_LENGTH: HeaderOp = Object.freeze<HeaderOp>({ op: 'remove', name: 'content-length' });

function badBody(status: number, code: ErrorCode): Decision {
  return Object.freeze<Decision>({
    verdict: Object.freeze({ type: 'block', status } as const),
    audit: Object.freeze({ reasonCodes: Object.freeze([`agentwire:${code}`]) }),
  });
}

/**
 * The answers where the body was at fault and not the handler that wanted to read it: too long or cut short, or no JSON. Were
 * they failures, a client could choose the failure policy, and with it an open one.
 */
export const BAD_BODIES: Readonly<Partial<Record<ErrorCode, Decision>>> = {
  ERR_BODY_NOT_JSON: badBody(400, 'ERR_BODY_NOT_JSON'),
  ERR_BODY_TOO_LARGE: badBody(413, 'ERR_BODY_TOO_LARGE'),
};
