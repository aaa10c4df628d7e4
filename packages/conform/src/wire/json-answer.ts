import type { AgentAnswer } from './wire.ts';

/** A JSON object whose fields are not known yet. */
export type Json = Readonly<Record<string, unknown>>;

/** Tests for a JSON object. */
export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Parses the payload of a frame. @throws Error when it is not a JSON object */
export function parseJson(payload: Buffer): Json {
  const value: unknown = JSON.parse(payload.toString('utf8'));
  if (isJson(value)) return value;
  throw new Error('not a JSON object');
}

interface Verdict {
  readonly verdict: AgentAnswer['verdict'];
  readonly status: number | undefined;
}

function readVerdict(decision: unknown, problems: string[]): Verdict {
  if (decision === 'allow') return { verdict: 'allow', status: undefined };
  if (!isJson(decision)) {
    problems.push('decision is neither "allow" nor an object');
    return { verdict: 'unknown', status: undefined };
  }
  const { block, redirect, challenge } = decision;
  if (isJson(block)) return { verdict: 'block', status: readStatus('block', block, problems) };
  if (isJson(redirect)) {
    if (typeof redirect['url'] !== 'string') problems.push('redirect has no url');
    return { verdict: 'redirect', status: readStatus('redirect', redirect, problems) };
  }
  if (isJson(challenge)) {
    if (typeof challenge['challenge_type'] !== 'string') problems.push('challenge has no challenge_type');
    return { verdict: 'challenge', status: undefined };
  }
  problems.push(`decision is none of allow, block, redirect and challenge but ${Object.keys(decision).join(', ')}`);
  return { verdict: 'unknown', status: undefined };
}

function readStatus(what: string, from: Json, problems: string[]): number | undefined {
  const { status } = from;
  if (typeof status === 'number' && Number.isInteger(status)) return status;
  problems.push(`${what} has no status`);
  return undefined;
}

function readOperations(from: Json, key: string, problems: string[]): string[] {
  const list = from[key];
  if (list === undefined || list === null) return [];
  if (!Array.isArray(list)) {
    problems.push(`${key} is not a list`);
    return [];
  }
  return list.map((operation: unknown) => {
    const [name, value] = isJson(operation) ? (Object.entries(operation)[0] ?? []) : [];
    const header = isJson(value) ? value['name'] : undefined;
    const whole = name === 'remove' || (isJson(value) && typeof value['value'] === 'string');
    if (typeof header !== 'string' || !whole || !['set', 'add', 'remove'].includes(name ?? '')) {
      problems.push(`${key} holds something that is no header operation`);
    }
    return `${name} ${String(header)}`;
  });
}

function readMutation(from: Json): number | undefined {
  const mutation = from['request_body_mutation'] ?? from['response_body_mutation'];
  const index = isJson(mutation) ? mutation['chunk_index'] : undefined;
  return typeof index === 'number' ? index : undefined;
}

/** Reads the parts of an answer that both JSON forms have in common. */
export function readJsonAnswer(from: Json, id: string, problems: string[]): AgentAnswer {
  const failed = isJson(from['error']);
  const { verdict, status } = failed
    ? { verdict: 'error' as const, status: undefined }
    : readVerdict(from['decision'], problems);
  const operations = readOperations(from, 'request_headers', problems);
  readOperations(from, 'response_headers', problems);
  const more = from['needs_more'];
  if (more !== undefined && more !== null && typeof more !== 'boolean') problems.push('needs_more is not a boolean');
  return {
    kind: 'answer',
    id,
    verdict,
    status,
    needsMore: more === true,
    mutates: readMutation(from),
    operations,
    problems,
  };
}
