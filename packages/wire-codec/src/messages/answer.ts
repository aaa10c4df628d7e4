import { AgentwireError, type Decision } from '@agentwire/core';
import { checkDecision } from '@agentwire/core/internal';

import { asPeerUnderstands, bodyMutation, decision } from './decision-codecs.ts';
import { DecodeError, inside } from './decode-error.ts';
import type { WireFormat } from './wire-format.ts';
import { id } from './id-codec.ts';
import type { MessageMapping } from './message-mapping.ts';
import { u32 } from './scalar-codecs.ts';
import { bytes } from './value-codecs.ts';
import { asObject, isWireObject, own, type WireObject } from './wire-object.ts';

/** Version number in every answer of the zentinel dialect. */
export const ANSWER_VERSION = 2;
/** Verdict of an answer that carries an error and no decision: never an allow, should a reader overlook the error. */
const NO_DECISION = { block: { status: 500 } };

/** Writes a decision as wire object, without the fields of one answer. */
function writeDecision(value: Decision, format: WireFormat): Record<string, unknown> {
  const wire = decision.write(asPeerUnderstands(value, format), format);
  if (wire['error'] !== undefined) delete wire['decision'];
  return format.dialect === 'documented' ? wire : { version: ANSWER_VERSION, ...wire };
}

/** Refuses a decision that is well formed but not valid, such as a redirect with status 200. */
function sound(value: Decision): Decision {
  try {
    return checkDecision(value);
  } catch (error) {
    throw error instanceof AgentwireError ? new DecodeError(error.message) : error;
  }
}

/** Reads the decision of an answer; the caller has removed the id from `custom`. */
function readDecision(wire: unknown, format: WireFormat): Decision {
  const onlyError =
    format.errors && isWireObject(wire) && isWireObject(wire['error']) && own(wire, 'decision') === undefined;
  const value = sound(decision.read(onlyError ? { ...wire, decision: NO_DECISION } : wire, format));
  const { audit } = value;
  if (audit === undefined || Object.values(audit).some((one) => one !== undefined)) return value;
  return { ...value, audit: undefined };
}

function auditOf(wire: WireObject): { readonly audit: WireObject; readonly custom: WireObject } {
  const audit = own(wire, 'audit');
  if (Array.isArray(audit)) {
    const [tags, rule_ids, confidence, reason_codes, custom] = audit as unknown[];
    return { audit: { tags, rule_ids, confidence, reason_codes, custom }, custom: asObject(custom) };
  }
  return { audit: asObject(audit), custom: asObject(own(asObject(audit), 'custom')) };
}

const PLACES = [
  'version',
  'decision',
  'request_headers',
  'response_headers',
  'routing_metadata',
  'audit',
  'needs_more',
  'request_body_mutation',
  'response_body_mutation',
  'websocket_decision',
];

/** Names the fields of an answer of the crate 0.6.20, which is an array in their order. */
function namedFields(wire: unknown): WireObject {
  if (!Array.isArray(wire)) return asObject(wire);
  return Object.fromEntries(PLACES.map((name, index) => [name, wire[index] as unknown]));
}

function readZentinel(wire: unknown, format: WireFormat): { readonly id: string; readonly decision: Decision } {
  const named = namedFields(wire);
  const { audit, custom } = inside('audit.custom', () => auditOf(named));
  const requestId = inside('audit.custom.correlation_id', () => id.read(own(custom, 'correlation_id'), format));
  const others = Object.fromEntries(Object.entries(custom).filter(([name]) => name !== 'correlation_id'));
  const value = readDecision({ ...named, audit: { ...audit, custom: others } }, format);
  return { id: requestId as string, decision: value };
}

/** A decision with the id of the event it answers. */
export const answer: MessageMapping<'answer'> = {
  type: 'answer',
  write(message, format) {
    const wire = writeDecision(message.decision, format);
    if (format.dialect === 'documented') return { request_id: id.write(message.id, format), ...wire };
    const audit = wire['audit'] as Record<string, unknown>;
    const custom = { ...(audit['custom'] as object), correlation_id: id.write(message.id, format) };
    return { ...wire, audit: { ...audit, custom } };
  },
  read(wire, format) {
    if (format.dialect === 'zentinel') return { type: 'answer', ...readZentinel(wire, format) };
    const requestId = inside('request_id', () => id.read(own(asObject(wire), 'request_id'), format));
    return { type: 'answer', id: requestId, decision: readDecision(wire, format) };
  },
};

/** The older way to answer a chunk; read only. */
export const bodyMutationMessage: MessageMapping<'bodyMutation'> = {
  type: 'bodyMutation',
  write() {
    throw new DecodeError('body mutations are written inside a decision');
  },
  read(wire, format) {
    const object = asObject(wire);
    const requestId = inside('request_id', () => id.read(own(object, 'request_id'), format));
    inside('chunk_index', () => u32.read(own(object, 'chunk_index'), format));
    const data = own(object, 'data');
    if (data !== undefined && data !== null) inside('data', () => bytes.read(data, format));
    return { type: 'bodyMutation', id: requestId, ...bodyMutation.read(object, format) };
  },
};
