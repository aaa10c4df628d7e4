import type { EventType, HeaderList, RequestMetadata } from '@agentwire/core';
import type { Completion } from '@agentwire/core/session';
import type { RecordedDecision } from './recorded-decision.ts';
import type { LeftOut } from './recorded-address.ts';
import type { RecordedHeaders } from './redaction.ts';

/** Events of which recordings tell. */
export type RecordedEvent = Extract<
  EventType,
  'requestHeaders' | 'requestBodyChunk' | 'responseHeaders' | 'responseBodyChunk'
>;

/** Head of a request, as the agent got it: with the changes of the agents before it. */
export interface RecordedHead extends LeftOut {
  readonly method: string;
  /** Path, without what was redacted. */
  readonly uri: string;
  readonly headers: RecordedHeaders;
  readonly hasBody?: boolean | undefined;
  readonly metadata: RequestMetadata;
}

/** One event that an agent was asked about, and its decision. Members that an event does not have are absent. */
export interface RecordedCall {
  readonly event: RecordedEvent;
  /** Status of a response's head. */
  readonly status?: number | undefined;
  /** Headers of a response's head. */
  readonly headers?: RecordedHeaders | undefined;
  /** `true` where a body follows a response's head. */
  readonly hasBody?: boolean | undefined;
  /** Number of a chunk of a body, from 0. */
  readonly index?: number | undefined;
  /** `true` for the last chunk. */
  readonly last?: boolean | undefined;
  /** Length of the whole body, in bytes, where it was known. */
  readonly totalSize?: number | undefined;
  /** Length of the chunk, in bytes. */
  readonly bytes?: number | undefined;
  /** Chunk that is UTF-8, where bodies were recorded. */
  readonly text?: string | undefined;
  /** Any other chunk, where bodies were recorded. */
  readonly base64?: string | undefined;
  readonly decision?: RecordedDecision | undefined;
  /** `true` where the agent did not decide, but its failure policy. */
  readonly failed?: true | undefined;
  /** `true` where the decision came from the pool's cache: the agent was not asked. */
  readonly cached?: true | undefined;
  /** Code of the error where there is no decision, such as `ERR_ABORTED`. */
  readonly error?: string | undefined;
  /** Time until the decision, in milliseconds. */
  readonly ms: number;
}

/** One request and one agent: a line of a recording. */
export interface RecordedRequest {
  /** Version of the format. */
  readonly recording: 1;
  /** Time at which the agent was first asked. */
  readonly time: string;
  /** Id of the request in the access log. */
  readonly id: string;
  readonly agent: string;
  /** `true` where nothing came of the decisions: the agent's mode is `observe`. */
  readonly observed?: true | undefined;
  readonly request: RecordedHead;
  readonly calls: readonly RecordedCall[];
  /** Calls that are left out, because there were too many. */
  readonly moreCalls?: number | undefined;
  /** End of the request as agents are told; absent where it was cancelled, or not over. */
  readonly complete?: Completion | undefined;
}

const EVENTS: ReadonlySet<unknown> = new Set<RecordedEvent>([
  'requestHeaders',
  'requestBodyChunk',
  'responseHeaders',
  'responseBodyChunk',
]);

type Fields = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function isHeaders(value: unknown): value is RecordedHeaders {
  if (!Array.isArray(value)) return false;
  return value.every((line: unknown) => {
    if (!Array.isArray(line) || line.length !== 2) return false;
    const [name, text] = line as unknown[];
    return typeof name === 'string' && (text === null || typeof text === 'string');
  });
}

function isCall(value: unknown): value is RecordedCall {
  if (!isObject(value) || !EVENTS.has(value['event'])) return false;
  const { event, decision } = value;
  if (decision !== undefined && (!isObject(decision) || decision['decision'] === undefined)) return false;
  if (event === 'responseHeaders') return typeof value['status'] === 'number' && isHeaders(value['headers']);
  return event === 'requestHeaders' || (typeof value['index'] === 'number' && typeof value['last'] === 'boolean');
}

function isHead(value: unknown): value is RecordedHead {
  if (!isObject(value) || !isObject(value['metadata'])) return false;
  return typeof value['method'] === 'string' && typeof value['uri'] === 'string' && isHeaders(value['headers']);
}

/** Reads a line of a recording. @returns `undefined` for anything else */
export function parseRecordedRequest(line: string): RecordedRequest | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isObject(value) || value['recording'] !== 1) return undefined;
  const { id, agent, request, calls, complete } = value;
  if (typeof id !== 'string' || typeof agent !== 'string' || !isHead(request)) return undefined;
  if (!Array.isArray(calls) || !calls.every(isCall) || (complete !== undefined && !isObject(complete)))
    return undefined;
  return value as unknown as RecordedRequest;
}

/** Returns the names of header lines whose values were redacted. */
export function redactedNames(headers: RecordedHeaders): string[] {
  return headers.flatMap(([name, value]) => (value === null ? [name] : []));
}

/** Returns header lines without those whose values were redacted. @param values values in place of redacted ones, by name in lower case */
export function sentHeaders(headers: RecordedHeaders, values?: ReadonlyMap<string, string>): HeaderList {
  return headers.flatMap(([name, value]) => {
    const sent = value ?? values?.get(name.toLowerCase());
    return sent === undefined ? [] : [name, sent];
  });
}
