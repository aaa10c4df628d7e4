import type { Decision } from '@agentwire/core';
import { type RecordedDecision, recordedDecision } from './recorded-decision.ts';
import { cutAddress, emptyParameters, PARTS } from './recorded-address.ts';
import { Redaction } from './redaction.ts';

/** Field in which two decisions differ. */
export interface Difference {
  /** Name in a {@link RecordedDecision}, such as `decision` or `audit.rule_ids`. */
  readonly field: string;
  /** Recorded value; `undefined` where the field was empty. */
  readonly before: unknown;
  /** Value of today, redacted; `undefined` where the field is empty. */
  readonly after: unknown;
}

const AUDIT_FIELDS = ['rule_ids', 'tags', 'reason_codes', 'confidence'] as const;
/** Beginning of the tags that a pool adds, such as `agentwire:cached`: they are not the agent's. */
const OWN_TAG = 'agentwire:';
const FIELDS = [
  'decision',
  'needs_more',
  'request_headers',
  'response_headers',
  'request_body_mutation',
  'response_body_mutation',
  'routing_metadata',
] as const;

type Fields = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null;

/** Returns an object of today as comparable with a recorded one: without what that does not have because it was left out. */
function comparable(before: Fields, after: Fields): Fields {
  const { url, text: _text, base64: _base64, ...rest } = after;
  // bytes whose content was not recorded
  if (typeof before['bytes'] === 'number' && before['text'] === undefined && before['base64'] === undefined)
    return rest;
  const cut = PARTS.filter((part) => before[part] === null);
  if (cut.length === 0 || typeof url !== 'string') return after;
  const { text, ...leftOut } = cutAddress(url, cut, emptyParameters(String(before['url'])));
  return { ...after, url: text, ...leftOut };
}

/** Members in which `null` stands for a value that was redacted: the value of a header operation, parts of an address. */
const REDACTED: ReadonlySet<string> = new Set(['value', ...PARTS]);
/** Members whose own members are such values. */
const NAMED: ReadonlySet<string> = new Set(['headers', 'params', 'routing_metadata']);

/**
 * Returns whether a value of today is a recorded one. A value that was redacted is equal to any; `null` anywhere else is no record, and
 * equal to nothing.
 *
 * @param name of the member that it is, `within` of the one around that
 */
function isSame(before: unknown, after: unknown, name: string, within: string): boolean {
  if (before === null) return after !== undefined && (REDACTED.has(name) || NAMED.has(within));
  if (Array.isArray(before) && Array.isArray(after))
    return before.length === after.length && before.every((one, at) => isSame(one, after[at], '', ''));
  if (!isObject(before) || !isObject(after) || Array.isArray(before) !== Array.isArray(after)) return before === after;
  const now = comparable(before, after);
  const members = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...members].every((member) => isSame(before[member], now[member], member, name));
}

/** Returns a field of an audit; of its tags those of the agent. */
function auditField(audit: unknown, name: (typeof AUDIT_FIELDS)[number]): unknown {
  // a file may have anything there
  if (!isObject(audit)) return audit;
  const field = audit[name];
  if (name !== 'tags' || !Array.isArray(field)) return field;
  const tags = field.filter((tag: unknown) => typeof tag !== 'string' || !tag.startsWith(OWN_TAG));
  return tags.length === 0 ? undefined : tags;
}

/** Longest body that a difference shows, in bytes. */
const SHOWN_BODY_BYTES = 4_096;
const SHOWN = new Redaction({ query: true });

/**
 * Compares a decision with a recorded one, field by field. Values that were redacted are equal to any value, and bodies that were not
 * recorded to any body of their length; custom values of the audit, and tags that begin with `agentwire:`, are not compared.
 */
export function differences(before: RecordedDecision, decision: Decision): Difference[] {
  const after = recordedDecision(decision, Redaction.none, Infinity);
  const shown = recordedDecision(decision, SHOWN, SHOWN_BODY_BYTES);
  return [
    ...FIELDS.flatMap((field) =>
      isSame(before[field], after[field], field, '') ? [] : [{ field, before: before[field], after: shown[field] }],
    ),
    ...AUDIT_FIELDS.flatMap((name) => {
      const [was, is] = [auditField(before.audit, name), auditField(after.audit, name)];
      return isSame(was, is, name, 'audit') ? [] : [{ field: `audit.${name}`, before: was, after: is }];
    }),
  ];
}
