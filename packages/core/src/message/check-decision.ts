import { AgentwireError } from '../errors.ts';
import { checkVerdict, MAX_DECISION_HEADERS } from './check-verdict.ts';
import { checkFields, checkList, checkStatus, checkText, checkTexts, fault, isObject } from './decision-fault.ts';
import type { Audit, Decision } from './decision.ts';
import { isDeepFrozen } from './deep-freeze.ts';
import { isValidHeaderName, isValidHeaderValue } from './header-syntax.ts';

type Check = (value: unknown, where: string) => void;

const checkOps: Check = (ops, where) => {
  if (!Array.isArray(ops)) throw fault(where, 'must be an array of header operations');
  if (ops.length > MAX_DECISION_HEADERS) throw fault(where, `must have at most ${MAX_DECISION_HEADERS} operations`);
  // the place is only written out for a fault: this runs for every decision that is not frozen
  for (let i = 0; i < ops.length; i++) {
    const one: unknown = ops[i];
    if (!isObject(one)) throw fault(`${where}[${i}]`, 'must be an object');
    const { op, name, value } = one;
    if (op !== 'set' && op !== 'add' && op !== 'remove') throw fault(`${where}[${i}].op`, 'must be set, add or remove');
    if (!isValidHeaderName(name)) throw fault(`${where}[${i}].name`, 'must be an HTTP token', 'ERR_INVALID_HEADER');
    if (op !== 'remove' && !isValidHeaderValue(value))
      throw fault(`${where}[${i}].value`, 'must be text that a header can carry', 'ERR_INVALID_HEADER');
  }
};

const AUDIT = {
  tags: checkList,
  ruleIds: checkList,
  confidence: (value, where) => {
    if (typeof value !== 'number' || !Number.isFinite(value)) throw fault(where, 'must be a finite number');
  },
  reasonCodes: checkList,
  custom: (value, where) => {
    if (!isObject(value)) throw fault(where, 'must be an object');
  },
} satisfies Record<keyof Audit, Check>;

const checkMutation: Check = (value, where) => {
  if (!isObject(value)) throw fault(where, 'must be an object');
  checkFields(value, ['index', 'data'], where);
  checkStatus(value['index'], 0, 0xffff_ffff, `${where}.index`);
  const { data } = value;
  if (data !== null && !(data instanceof Uint8Array)) throw fault(`${where}.data`, 'must be null or a Uint8Array');
};

/** Longest reason in bytes: a control frame of WebSocket has 125, two of them for the code. */
const MAX_REASON_BYTES = 123;
/** Codes that no close frame may have. */
const RESERVED_CODES: ReadonlySet<unknown> = new Set([1004, 1005, 1006, 1015]);

const checkWebSocket: Check = (value, where) => {
  if (!isObject(value)) throw fault(where, 'must be an object');
  const { type, code, reason } = value;
  if (type !== 'allow' && type !== 'drop' && type !== 'close')
    throw fault(`${where}.type`, 'must be allow, drop or close');
  checkFields(value, type === 'close' ? ['type', 'code', 'reason'] : ['type'], where);
  if (type !== 'close') return;
  checkStatus(code, 1000, 4999, `${where}.code`);
  if (RESERVED_CODES.has(code)) throw fault(`${where}.code`, 'must be a code that a close frame may have');
  checkText(reason, `${where}.reason`);
  if (Buffer.byteLength(reason as string) > MAX_REASON_BYTES)
    throw fault(`${where}.reason`, `must have at most ${MAX_REASON_BYTES} bytes`);
};

/** Longest time that a decision may be cached, in milliseconds. */
const MAX_CACHE_MS = 86_400_000;
const MAX_VARY = 32;
const MAX_VARY_LENGTH = 128;

const checkCache: Check = (value, where) => {
  if (!isObject(value)) throw fault(where, 'must be an object');
  checkFields(value, ['ttlMs', 'vary'], where);
  checkStatus(value['ttlMs'], 1, MAX_CACHE_MS, `${where}.ttlMs`);
  const { vary } = value;
  if (!Array.isArray(vary) || vary.length === 0 || vary.length > MAX_VARY)
    throw fault(`${where}.vary`, `must be an array of 1 to ${MAX_VARY} names: what the decision depends on`);
  for (let i = 0; i < vary.length; i++) {
    const name: unknown = vary[i];
    if (!isValidHeaderName(name) || name.length > MAX_VARY_LENGTH)
      throw fault(`${where}.vary[${i}]`, 'must be the name of a header, or a word such as method, path or client');
  }
};

/** Check of every field: a new field does not compile without one. */
const DECISION = {
  verdict: checkVerdict,
  requestHeaders: checkOps,
  responseHeaders: checkOps,
  audit: checkAudit,
  needsMore: (value, where) => {
    if (typeof value !== 'boolean') throw fault(where, 'must be true or false');
  },
  requestBodyMutation: checkMutation,
  responseBodyMutation: checkMutation,
  routingMetadata: checkTexts,
  webSocket: checkWebSocket,
  cache: checkCache,
  error: (value, where) => {
    if (!isObject(value)) throw fault(where, 'must be an object');
    checkFields(value, ['code', 'message'], where);
    checkText(value['code'], `${where}.code`);
    checkText(value['message'], `${where}.message`);
  },
} satisfies Record<keyof Decision, Check>;

const AUDIT_FIELDS = Object.keys(AUDIT) as readonly (keyof Audit)[];
const DECISION_FIELDS = Object.keys(DECISION) as readonly (keyof Decision)[];

function checkAudit(value: unknown, where: string): void {
  if (!isObject(value)) throw fault(where, 'must be an object');
  checkFields(value, AUDIT_FIELDS, where);
  for (const name of AUDIT_FIELDS) if (value[name] !== undefined) AUDIT[name](value[name], `audit.${name}`);
}

/** Checks one field as {@link checkDecision} does, for a builder that creates a decision field by field. @throws AgentwireError likewise */
export function checkDecisionField(name: keyof Decision, value: unknown, where: string = name): void {
  DECISION[name](value, where);
}

const sound = new WeakSet();

/**
 * Checks every field of a decision, before an agent sends it and before a transport delivers it, so that an impossible decision
 * is refused alike from every origin. A deeply frozen decision is checked once. Values in `audit.custom` are any JSON and are
 * not checked.
 *
 * @throws AgentwireError `ERR_INVALID_HEADER` for a header or location that HTTP cannot carry, `ERR_INVALID_ARGUMENT` for
 * anything else; `detail.field` and the message name the field.
 */
export function checkDecision(decision: Decision): Decision {
  if (sound.has(decision)) return decision;
  if (!isObject(decision)) throw fault('decision', 'must be an object');
  if (decision['verdict'] === undefined) throw fault('verdict', 'is missing');
  checkFields(decision, DECISION_FIELDS, 'decision');
  for (const name of DECISION_FIELDS) {
    const value: unknown = decision[name];
    if (value !== undefined) DECISION[name](value, name);
  }
  if (isDeepFrozen(decision)) sound.add(decision);
  return decision;
}

/** Base class of decisions that their builder checks field by field, such as those of the agent package. */
export class CheckedDecision {
  readonly #checked = true;

  /** Returns whether `decision` is one of these; a copy of its fields is not. */
  static is(decision: object): boolean {
    return #checked in decision && decision.#checked;
  }
}

/** Checks a decision before it is sent, unless it is a {@link CheckedDecision}. @throws AgentwireError as {@link checkDecision} */
export function checkOwnDecision(decision: Decision): void {
  if (typeof decision !== 'object' || !CheckedDecision.is(decision)) checkDecision(decision);
}

/** Checks a decision of a peer. @throws AgentwireError `ERR_PROTOCOL` */
export function checkReceivedDecision(decision: Decision): Decision {
  try {
    return checkDecision(decision);
  } catch (error) {
    if (!(error instanceof AgentwireError)) throw error;
    throw new AgentwireError('ERR_PROTOCOL', `the decision is impossible: ${error.message}`, {
      detail: error.detail ?? {},
    });
  }
}
