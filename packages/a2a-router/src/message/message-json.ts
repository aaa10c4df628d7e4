import { AgentwireError } from '@agentwire/core';
import { readTraceparent } from '@agentwire/core/internal';
import { fits, MAX_ID_BYTES, MAX_KEY_BYTES } from './message-limits.ts';
import type { KernelMessage } from './message.ts';
import type { JsonValue, Payload } from './payload.ts';
import { payload as make } from './payload.ts';
import { type Target, target } from './target.ts';

type Json = { readonly [key: string]: JsonValue | undefined };

/** The JSON form of a target, externally tagged: `{"Process":7}`, `"Broadcast"`, `{"ServiceMethod":{"service":"auth","method":"m"}}`. */
export function targetToJson(to: Target): JsonValue {
  switch (to.kind) {
    case 'process':
      return { Process: to.pid };
    case 'topic':
      return { Topic: to.name };
    case 'broadcast':
      return 'Broadcast';
    case 'service':
      return { Service: to.service };
    case 'serviceMethod':
      return { ServiceMethod: { service: to.service, method: to.method } };
    case 'kernel':
      return 'Kernel';
    default:
      return { RemoteNode: { node_id: to.nodeId, target: targetToJson(to.target) } };
  }
}

/** Reads what {@link targetToJson} writes; throws `ERR_PROTOCOL` for anything else. Nested at most one remote node deep. */
export function targetFromJson(json: JsonValue | undefined): Target {
  return readTarget(json, true);
}

function readTarget(json: JsonValue | undefined, mayBeRemote: boolean): Target {
  if (json === 'Broadcast') return target.broadcast;
  if (json === 'Kernel') return target.kernel;
  const [tag, value] = tagged(json, 'target');
  switch (tag) {
    case 'Process':
      return target.process(integer(value, 'Process'));
    case 'Topic':
      return target.topic(text(value, 'Topic'));
    case 'Service':
      return target.service(text(value, 'Service'));
    case 'ServiceMethod': {
      const { service, method } = object(value, 'ServiceMethod');
      return target.serviceMethod(text(service, 'service'), text(method, 'method'));
    }
    case 'RemoteNode': {
      const remote = object(value, 'RemoteNode');
      if (!mayBeRemote) throw wrong('target');
      return target.remoteNode(text(remote['node_id'], 'node_id'), readTarget(remote['target'], false));
    }
    default:
      throw wrong('target');
  }
}

/** The JSON form of a payload, externally tagged: `{"Text":"hi"}`, `{"ToolCall":{"name":"grep","args":{}}}`; bytes are base64. */
export function payloadToJson(payload: Payload): JsonValue {
  switch (payload.kind) {
    case 'text':
      return { Text: payload.text };
    case 'json':
      return { Json: payload.value };
    case 'toolCall':
      return { ToolCall: { name: payload.name, args: payload.args } };
    case 'toolResult':
      return { ToolResult: { call_id: payload.callId, result: payload.result } };
    case 'signal':
      return { Signal: payload.detail === undefined ? payload.signal : { [payload.signal]: payload.detail } };
    default:
      return { Binary: Buffer.from(payload.bytes).toString('base64') };
  }
}

/** Reads what {@link payloadToJson} writes; throws `ERR_PROTOCOL` for anything else. */
export function payloadFromJson(json: JsonValue | undefined): Payload {
  const [tag, value] = tagged(json, 'payload');
  switch (tag) {
    case 'Text':
      return make.text(text(value, 'Text'));
    case 'Json':
      return make.json(value);
    case 'ToolCall': {
      const { name, args } = object(value, 'ToolCall');
      return make.toolCall(text(name, 'name'), args ?? null);
    }
    case 'ToolResult': {
      const result = object(value, 'ToolResult');
      return make.toolResult(text(result['call_id'], 'call_id'), result['result'] ?? null);
    }
    case 'Signal':
      return typeof value === 'string' ? make.signal(value) : make.signal(...tagged(value, 'Signal'));
    case 'Binary':
      return make.binary(new Uint8Array(Buffer.from(text(value, 'Binary'), 'base64')));
    default:
      throw wrong('payload');
  }
}

/** The JSON form of a message, in the names of the original; ids and hints that are not there are left out. `to` stands in for its target. */
export function messageToJson(message: KernelMessage, to: Target = message.target): Record<string, JsonValue> {
  const json: Record<string, JsonValue> = {
    id: message.id,
    from: message.from,
    target: targetToJson(to),
    payload: payloadToJson(message.payload),
    timestamp: new Date(message.timestamp).toISOString(),
  };
  if (message.correlationId !== undefined) json['correlation_id'] = message.correlationId;
  if (message.traceId !== undefined) json['trace_id'] = message.traceId;
  if (message.traceparent !== undefined) json['traceparent'] = message.traceparent;
  if (message.deadline !== undefined) json['deadline'] = message.deadline;
  if (message.idempotencyKey !== undefined) json['idempotency_key'] = message.idempotencyKey;
  if (message.priority !== undefined) json['priority'] = message.priority;
  if (message.durable === true) json['durable'] = true;
  return json;
}

/**
 * Reads what {@link messageToJson} writes; unknown keys are passed over, wrong ones are `ERR_PROTOCOL`.
 *
 * `fromNode` is the node it came from, and `to` stands in for the target that it names.
 */
export function messageFromJson(json: JsonValue | undefined, fromNode?: string, to?: Target): KernelMessage {
  const all = object(json, 'message');
  const timestamp = Date.parse(text(all['timestamp'], 'timestamp'));
  if (Number.isNaN(timestamp)) throw wrong('timestamp');
  const priority = optionalText(all['priority'], 'priority', MAX_ID_BYTES);
  if (priority !== undefined && priority !== 'high' && priority !== 'normal') throw wrong('priority');
  return {
    id: bounded(all['id'], 'id'),
    from: integer(all['from'], 'from'),
    target: to ?? targetFromJson(all['target']),
    payload: payloadFromJson(all['payload']),
    timestamp,
    correlationId: optionalText(all['correlation_id'], 'correlation_id', MAX_ID_BYTES),
    traceId: optionalText(all['trace_id'], 'trace_id', MAX_ID_BYTES),
    // one that cannot be read begins no trace here, and refuses no message.
    traceparent: readTraceparent(all['traceparent']),
    deadline:
      all['deadline'] === undefined || all['deadline'] === null ? undefined : number(all['deadline'], 'deadline'),
    idempotencyKey: optionalText(all['idempotency_key'], 'idempotency_key', MAX_KEY_BYTES),
    priority,
    durable: all['durable'] === true ? true : undefined,
    notBefore: undefined,
    fromNode,
    deferred: undefined,
    sequence: undefined,
    expects: undefined,
    streamed: undefined,
  };
}

function wrong(what: string): AgentwireError {
  return new AgentwireError('ERR_PROTOCOL', `a message has no ${what} that can be read`, { detail: { field: what } });
}

function object(value: JsonValue | undefined, what: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(what);
  return value as Json;
}

function tagged(value: JsonValue | undefined, what: string): [string, JsonValue] {
  const entries = Object.entries(object(value, what));
  const [only] = entries;
  if (only === undefined || entries.length !== 1 || only[1] === undefined) throw wrong(what);
  return [only[0], only[1]];
}

function text(value: JsonValue | undefined, what: string): string {
  if (typeof value !== 'string') throw wrong(what);
  return value;
}

/** Reads a text of at most `most` bytes: ids and keys are kept and recorded, so their size must not be the choice of their sender. */
function bounded(value: JsonValue | undefined, what: string, most: number = MAX_ID_BYTES): string {
  if (!fits(value, most)) throw wrong(what);
  return value;
}

function optionalText(value: JsonValue | undefined, what: string, most: number): string | undefined {
  return value === undefined || value === null ? undefined : bounded(value, what, most);
}

function number(value: JsonValue | undefined, what: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw wrong(what);
  return value;
}

function integer(value: JsonValue | undefined, what: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw wrong(what);
  return value as number;
}
