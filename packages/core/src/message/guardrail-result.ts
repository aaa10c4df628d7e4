import { AgentwireError } from '../errors.ts';
import type { Decision, GuardrailDetection, GuardrailResult } from './decision.ts';

const SEVERITIES: readonly string[] = ['low', 'medium', 'high', 'critical'] satisfies GuardrailDetection['severity'][];

type Fields = Readonly<Record<string, unknown>>;

function malformed(field: string, expected: string): AgentwireError {
  const what = `the result of the guardrail cannot be read: ${field} is not ${expected}`;
  return new AgentwireError('ERR_PROTOCOL', what, { detail: { field } });
}

function check(field: string, holds: boolean, expected: string): void {
  if (!holds) throw malformed(field, expected);
}

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isShare = (value: unknown): boolean => typeof value === 'number' && value >= 0 && value <= 1;
const isOffset = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

/** Returns a member that is there; JSON of other implementations has `null` for one that is not. */
const given = (value: unknown): unknown => value ?? undefined;

function detectionOf(value: unknown, index: number): GuardrailDetection {
  const at = `detections[${index}]`;
  if (!isObject(value)) throw malformed(at, 'an object');
  const { category, description, severity } = value;
  const confidence = given(value['confidence']);
  const span = given(value['span']);
  check(`${at}.category`, typeof category === 'string', 'a string');
  check(`${at}.description`, typeof description === 'string', 'a string');
  check(`${at}.severity`, SEVERITIES.includes(severity as string), `one of ${SEVERITIES.join(', ')}`);
  check(`${at}.confidence`, confidence === undefined || isShare(confidence), 'a number from 0 to 1');
  if (span !== undefined && !(isObject(span) && isOffset(span['start']) && isOffset(span['end'])))
    throw malformed(`${at}.span`, 'two offsets');
  return {
    category: category as string,
    description: description as string,
    severity: severity as GuardrailDetection['severity'],
    ...(confidence !== undefined && { confidence: confidence as number }),
    ...(isObject(span) && { span: { start: span['start'] as number, end: span['end'] as number } }),
  };
}

function parse(text: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw malformed('guardrail_response', 'JSON');
  }
  if (isObject(value)) return value;
  throw malformed('guardrail_response', 'an object');
}

/**
 * Returns the findings in the answer to a `GuardrailInspect`. An answer without findings is clean where it allows, and a detection with
 * confidence 1 where it does not.
 *
 * @throws AgentwireError `ERR_PROTOCOL` for findings that cannot be read; they are never taken for clean
 */
export function readGuardrailResult({ verdict, routingMetadata }: Decision): GuardrailResult {
  const text = routingMetadata?.['guardrail_response'];
  if (text === undefined) {
    const detected = verdict.type !== 'allow';
    return { detected, confidence: detected ? 1 : 0, detections: [] };
  }
  const fields = parse(text);
  const { detected, confidence } = fields;
  const detections = given(fields['detections']) ?? [];
  const redactedContent = given(fields['redacted_content']);
  check('detected', typeof detected === 'boolean', 'a boolean');
  check('confidence', isShare(confidence), 'a number from 0 to 1');
  if (!Array.isArray(detections)) throw malformed('detections', 'a list');
  check('redacted_content', redactedContent === undefined || typeof redactedContent === 'string', 'a string');
  return {
    // an agent that blocks has found something, whatever else it says
    detected: (detected as boolean) || verdict.type !== 'allow',
    confidence: confidence as number,
    detections: detections.map(detectionOf),
    ...(redactedContent !== undefined && { redactedContent: redactedContent as string }),
  };
}
