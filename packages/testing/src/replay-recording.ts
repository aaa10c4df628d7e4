import { AssertionError } from 'node:assert';
import { renameSync, writeFileSync } from 'node:fs';
import { AgentwireError, type EventType } from '@agentwire/core';
import { checkOptions, OPTION, printableList, printableStart } from '@agentwire/core/internal';
import type { ProxySession } from '@agentwire/core/session';
import {
  readRecording,
  type RecordedCall,
  type RecordedRequest,
  type Replayed,
  replayRequest,
} from '@agentwire/recording';
import { describeDifference, recordedDecision, Redaction } from '@agentwire/recording/internal';
import type { ThrownErrors } from './thrown-errors.ts';

/** Options of `TestedAgent.replay`. */
export interface ReplayOptions {
  /** Agent of the recording whose requests are asked; default the only one. */
  readonly agent?: string | undefined;
  /** Writes the decisions of today into the file instead of failing; default `false`. Redacted values stay so. */
  readonly update?: boolean | undefined;
}

/** Outcome of a replay, as numbers of requests. */
export interface ReplayResult {
  readonly same: number;
  /** Requests whose decision changed: with `update` they were written. */
  readonly changed: number;
  /** Requests without a decision that could be compared, such as those on bodies that were not recorded. */
  readonly skipped: number;
}

/** Agent that is asked again. */
export interface ReplayedAgent {
  readonly session: ProxySession;
  /** Moves the time of the agent on, in milliseconds. */
  readonly advance: (ms: number) => Promise<void>;
  /** Returns the error of a request with what a handler threw as its cause. */
  readonly explain: ThrownErrors['explain'];
}

/** Differences that a message shows. */
const MAX_SHOWN = 20;

async function read(file: string, wanted: string | undefined): Promise<{ all: RecordedRequest[]; agent: string }> {
  const all: RecordedRequest[] = [];
  for await (const { line, request } of readRecording(file)) {
    if (request === undefined)
      throw new AgentwireError('ERR_INVALID_ARGUMENT', `${file}:${line} is no line of a recording`);
    all.push(request);
  }
  const names = [...new Set(all.map(({ agent }) => agent))];
  const [only] = names;
  if (only === undefined) throw new AgentwireError('ERR_INVALID_ARGUMENT', `${file} is empty`);
  if (wanted === undefined ? names.length === 1 : names.includes(wanted)) return { all, agent: wanted ?? only };
  const what = wanted === undefined ? 'name one with agent' : `${JSON.stringify(wanted)} is none of them`;
  throw new AgentwireError('ERR_INVALID_ARGUMENT', `${file} has the agents ${printableList(names)}: ${what}`);
}

function shown({ id, request: { method, uri } }: RecordedRequest, { event, differences, error }: Replayed): string {
  const head = printableStart(`${method} ${uri} (${id}${event === undefined ? '' : `, ${event}`})`, 512);
  if (error !== undefined) return `${head}\n  ! ${error.code}: ${printableStart(error.message, 512)}`;
  const lines = differences.flatMap((difference) => {
    const [before, after] = describeDifference(difference);
    return [`  - ${difference.field}: ${before}`, `  + ${difference.field}: ${after}`];
  });
  return [head, ...lines].join('\n');
}

const hasContent = ({ text, base64 }: RecordedCall): boolean => text !== undefined || base64 !== undefined;

/** Returns a recorded request with the decisions of today. */
function updated(recorded: RecordedRequest, { asked }: Replayed, redaction: Redaction): RecordedRequest {
  const maxBodyBytes = recorded.calls.some(hasContent) ? Infinity : 0;
  const calls = asked.map(({ call: { cached: _cached, ...call }, decision }) => ({
    ...call,
    decision: recordedDecision(decision, redaction, maxBodyBytes),
  }));
  return { ...recorded, calls };
}

/** Asks an agent again what a recording has, one request after the other; the agent's time moves on as it did then. */
export async function replayRecording(
  file: string,
  { session, advance, explain }: ReplayedAgent,
  options: ReplayOptions,
): Promise<ReplayResult> {
  checkOptions('replay', options, { agent: OPTION.text, update: OPTION.boolean });
  const { all, agent } = await read(file, options.agent);
  const events: ReadonlySet<EventType> = new Set(session.connection.peer.capabilities?.events);
  const redaction = new Redaction({ query: all.every(({ request }) => request.query !== null) });
  const result = { same: 0, changed: 0, skipped: 0 };
  const faults: string[] = [];
  const now: RecordedRequest[] = [];
  let before: number | undefined;
  for (const recorded of all) {
    now.push(recorded);
    if (recorded.agent !== agent) continue;
    const time = Date.parse(recorded.time);
    if (before !== undefined && time > before) await advance(time - before);
    before = Math.max(time, before ?? time);
    // the time of a test is moved by the test alone
    const exchange = session.open();
    const replayed = await replayRequest(exchange, recorded, { events, timeoutMs: 86_400_000 });
    const { outcome, error } = replayed;
    if (outcome !== 'failed') result[outcome] += 1;
    if (outcome === 'changed' && options.update === true) now[now.length - 1] = updated(recorded, replayed, redaction);
    else if (outcome === 'changed' || outcome === 'failed')
      faults.push(
        shown(recorded, { ...replayed, error: error && explain(error, exchange.id, recorded.request.metadata) }),
      );
  }
  if (faults.length > 0) {
    const more = faults.length > MAX_SHOWN ? [`and ${faults.length - MAX_SHOWN} more`] : [];
    const message = `${faults.length} of ${result.same + faults.length} requests of ${file} are decided differently; replay(file, { update: true }) accepts that`;
    throw new AssertionError({ message: [message, ...faults.slice(0, MAX_SHOWN), ...more].join('\n\n') });
  }
  if (options.update === true && result.changed > 0) {
    writeFileSync(`${file}.new`, now.map((line) => `${JSON.stringify(line)}\n`).join(''));
    renameSync(`${file}.new`, file);
  }
  return result;
}
