import type { KernelMessage, Payload, Target } from '@agentwire/a2a-router';
import { payloadToJson, targetToJson } from '@agentwire/a2a-router/internal';

const PLAIN = /^[\w-]*$/;

/** Writes a text as JSON; ids, which need no escapes, without a call into C++. */
export function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

/**
 * Writes the JSON of a message as `messageToJson` makes it, without the end, the deadline and the key; `to` stands in for its target.
 *
 * An object that is made only to be written costs more than the text itself (row `1 in flight` of the bench).
 */
export function messageStart(message: KernelMessage, to: Target): string {
  const { id, from, payload, timestamp, correlationId, traceId, traceparent, priority, durable } = message;
  let text = `{"id":${quoted(id)},"from":${from},"target":${targetText(to)},"payload":${payloadText(payload)},"timestamp":"${isoTime(timestamp)}"`;
  if (correlationId !== undefined) text += `,"correlation_id":${quoted(correlationId)}`;
  if (traceId !== undefined) text += `,"trace_id":${quoted(traceId)}`;
  if (traceparent !== undefined) text += `,"traceparent":${quoted(traceparent)}`;
  if (priority !== undefined) text += `,"priority":"${priority}"`;
  if (durable === true) text += ',"durable":true';
  return text;
}

function targetText(to: Target): string {
  return to.kind === 'process' ? `{"Process":${to.pid}}` : JSON.stringify(targetToJson(to));
}

function payloadText(payload: Payload): string {
  return payload.kind === 'text' ? `{"Text":${JSON.stringify(payload.text)}}` : JSON.stringify(payloadToJson(payload));
}

let lastSecond = Number.NaN;
let lastText = '';

/** Writes a time as `Date.prototype.toISOString` does; all but the milliseconds is the same for a second. */
function isoTime(milliseconds: number): string {
  const whole = Math.trunc(milliseconds);
  const second = Math.floor(whole / 1000);
  if (second !== lastSecond) {
    lastText = new Date(second * 1000).toISOString().slice(0, -4);
    lastSecond = second;
  }
  return `${lastText}${String(1000 + whole - second * 1000).slice(1)}Z`;
}
