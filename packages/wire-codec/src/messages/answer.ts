import { AgentwireError } from '@agentwire/core';
import { checkDecision } from '@agentwire/core/internal';
import type { Decision } from '@agentwire/core';

import { asPeerUnderstands, bodyMutation, decision } from './decision-kinds.ts';
import { Fault, inside } from './fault.ts';
import type { Form } from './form.ts';
import { id } from './id-kind.ts';
import { asObject, isWireObject, own } from './kind.ts';
import type { WireObject } from './kind.ts';
import type { Mapping } from './mapping.ts';
import { u32 } from './scalar-kinds.ts';
import { bytes } from './value-kinds.ts';

/** Version number in every answer of the zentinel dialect. */
export const ANSWER_VERSION = 2;
/** Read where an error came instead of a decision: whoever looks at it by mistake must not let anything pass. */
const NO_DECISION = { block: { status: 500 } };

/** The wire object of a decision alone, without what belongs to one answer. */
function writeDecision(value: Decision, form: Form): Record<string, unknown> {
  const wire = decision.write(asPeerUnderstands(value, form), form);
  if (wire['error'] !== undefined) delete wire['decision'];
  return form.dialect === 'documented' ? wire : { version: ANSWER_VERSION, ...wire };
}

/** What is well formed and still cannot be, such as a redirect with status 200. */
function sound(value: Decision): Decision {
  try {
    return checkDecision(value);
  } catch (error) {
    throw error instanceof AgentwireError ? new Fault(error.message) : error;
  }
}

/** Reads a decision out of an answer; the id's place in `custom` is the caller's. */
function readDecision(wire: unknown, form: Form): Decision {
  const onlyError =
    form.errors && isWireObject(wire) && isWireObject(wire['error']) && own(wire, 'decision') === undefined;
  const value = sound(decision.read(onlyError ? { ...wire, decision: NO_DECISION } : wire, form));
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

/** The crate 0.6.20 wrote the whole answer as an array in the order of its fields. */
function namedFields(wire: unknown): WireObject {
  if (!Array.isArray(wire)) return asObject(wire);
  return Object.fromEntries(PLACES.map((name, index) => [name, wire[index] as unknown]));
}

function readZentinel(wire: unknown, form: Form): { readonly id: string; readonly decision: Decision } {
  const named = namedFields(wire);
  const { audit, custom } = inside('audit.custom', () => auditOf(named));
  const requestId = inside('audit.custom.correlation_id', () => id.read(own(custom, 'correlation_id'), form));
  const others = Object.fromEntries(Object.entries(custom).filter(([name]) => name !== 'correlation_id'));
  const value = readDecision({ ...named, audit: { ...audit, custom: others } }, form);
  return { id: requestId as string, decision: value };
}

/** A decision with the id of the event it answers. */
export const answer: Mapping<'answer'> = {
  type: 'answer',
  write(message, form) {
    const wire = writeDecision(message.decision, form);
    if (form.dialect === 'documented') return { request_id: id.write(message.id, form), ...wire };
    const audit = wire['audit'] as Record<string, unknown>;
    const custom = { ...(audit['custom'] as object), correlation_id: id.write(message.id, form) };
    return { ...wire, audit: { ...audit, custom } };
  },
  read(wire, form) {
    if (form.dialect === 'zentinel') return { type: 'answer', ...readZentinel(wire, form) };
    const requestId = inside('request_id', () => id.read(own(asObject(wire), 'request_id'), form));
    return { type: 'answer', id: requestId, decision: readDecision(wire, form) };
  },
};

/** The older way to answer a chunk; read only. */
export const bodyMutationMessage: Mapping<'bodyMutation'> = {
  type: 'bodyMutation',
  write() {
    throw new Fault('body mutations are written inside a decision');
  },
  read(wire, form) {
    const object = asObject(wire);
    const requestId = inside('request_id', () => id.read(own(object, 'request_id'), form));
    inside('chunk_index', () => u32.read(own(object, 'chunk_index'), form));
    const data = own(object, 'data');
    if (data !== undefined && data !== null) inside('data', () => bytes.read(data, form));
    return { type: 'bodyMutation', id: requestId, ...bodyMutation.read(object, form) };
  },
};
