import { type AgentwireError, toAgentwireError } from '@agentwire/core';
import type { ProxySession } from '@agentwire/core/session';
import { readRecording, type RecordedRequest, type Replayed, replayRequest } from '@agentwire/recording';
import { redactedNames } from '@agentwire/recording/internal';

/** Sums of a replay. */
export interface ReplayCounts {
  requests: number;
  same: number;
  changed: number;
  failed: number;
  /** Requests without a decision that could be compared. */
  skipped: number;
  /** Requests of which only the first events could be asked again. */
  partial: number;
  /** Requests whose query is not in the file. */
  withoutQuery: number;
  /** Requests by the name of a header that was redacted, and not sent. */
  readonly redacted: Map<string, number>;
  /** Lines that are not of a recording. */
  damaged: number;
}

/** Settings of {@link replayFile}. */
export interface ReplayFileSettings {
  /** Agent whose requests are asked again. */
  readonly agent: string;
  readonly concurrency: number;
  readonly timeoutMs: number;
  /** Values in place of redacted headers, by name in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly onReplayed: (request: RecordedRequest, replayed: Replayed) => void;
}

/** Returns the names of the agents in a recording. */
export async function agentsIn(file: string): Promise<Set<string>> {
  const names = new Set<string>();
  for await (const { request } of readRecording(file)) if (request !== undefined) names.add(request.agent);
  return names;
}

function count(
  counts: ReplayCounts,
  { request }: RecordedRequest,
  replayed: Replayed,
  values: ReadonlyMap<string, string>,
): void {
  counts[replayed.outcome] += 1;
  if (replayed.left !== undefined && replayed.outcome !== 'skipped') counts.partial += 1;
  if (request.query === null) counts.withoutQuery += 1;
  const names = new Set(redactedNames(request.headers).map((name) => name.toLowerCase()));
  for (const name of names) if (!values.has(name)) counts.redacted.set(name, (counts.redacted.get(name) ?? 0) + 1);
}

async function replay(
  session: ProxySession,
  request: RecordedRequest,
  { timeoutMs, headers }: ReplayFileSettings,
): Promise<Replayed> {
  const events = new Set(session.connection.peer.capabilities?.events);
  const failed = (error: AgentwireError): Replayed => ({ outcome: 'failed', differences: [], asked: [], error });
  try {
    return await replayRequest(session.open(), request, { events, timeoutMs, headers });
  } catch (error) {
    return failed(toAgentwireError(error, 'ERR_CONNECT'));
  }
}

/** Asks an agent again what a recording has, in the order of the file, `concurrency` requests at a time. */
export async function replayFile(
  file: string,
  session: ProxySession,
  settings: ReplayFileSettings,
): Promise<ReplayCounts> {
  const counts: ReplayCounts = {
    requests: 0,
    same: 0,
    changed: 0,
    failed: 0,
    skipped: 0,
    partial: 0,
    withoutQuery: 0,
    redacted: new Map(),
    damaged: 0,
  };
  const running = new Set<Promise<void>>();
  for await (const { request } of readRecording(file)) {
    if (request === undefined) counts.damaged += 1;
    if (request?.agent !== settings.agent) continue;
    counts.requests += 1;
    const run = replay(session, request, settings).then((replayed) => {
      count(counts, request, replayed, settings.headers);
      settings.onReplayed(request, replayed);
      running.delete(run);
    });
    running.add(run);
    if (running.size >= settings.concurrency) await Promise.race(running);
  }
  await Promise.all(running);
  return counts;
}
