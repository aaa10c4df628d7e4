import { AgentwireError, type EventType, type ProxyEvent, type RequestHead } from '@agentwire/core';
import { checkBoolean, checkKnownOptions, checkNumber, OPTION } from '@agentwire/core/internal';
import type { AskOptions } from '@agentwire/core/session';

/** An event that an agent answers; `id` is the caller's own, unique among its live requests. */
export type Question = Exclude<ProxyEvent, { type: 'requestComplete' | 'requestHeaders' }> | RequestHead;

/** Options of one question to an agent. */
export interface PoolAskOptions extends AskOptions {
  /** This is the request's only event for this agent: nothing is remembered. Default `false`. */
  readonly only?: boolean | undefined;
  /**
   * The caller will complete or cancel this request, so that it is remembered until then however long it is silent; read
   * with its first event. Default `false`: it is given up after `correlationAffinityTtlMs`.
   */
  readonly keep?: boolean | undefined;
}

/** Checks that an event was given at all. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function checkEvent(event: unknown): void {
  if (typeof event !== 'object' || event === null)
    throw new AgentwireError('ERR_INVALID_ARGUMENT', 'an event must be an object: { type, id, … }');
}

const ASK_OPTIONS: ReadonlySet<string> = new Set<keyof PoolAskOptions>(['signal', 'timeoutMs', 'only', 'keep']);

const ALONE: ReadonlySet<EventType> = new Set<EventType>(['guardrailInspect', 'configure']);

/** Whether such an event belongs to no HTTP request, so that neither an event before it nor one after it counts. */
export function standsAlone(type: EventType): boolean {
  return ALONE.has(type);
}

/** Before anything is kept for a question: its options must be good and its caller must still want it. */
export function checkAskOptions(options: PoolAskOptions | undefined): void {
  if (options === undefined) return;
  for (const name in options) if (!ASK_OPTIONS.has(name)) checkKnownOptions('a question', options, [...ASK_OPTIONS]);
  const { signal, timeoutMs, only, keep } = options;
  // by hand, because every question comes this way
  if (only !== undefined) checkBoolean('only', only);
  if (keep !== undefined) checkBoolean('keep', keep);
  if (timeoutMs !== undefined) checkNumber('timeoutMs', timeoutMs, 0, 86_400_000);
  if (signal === undefined) return;
  if (typeof signal?.addEventListener !== 'function') OPTION.signal('signal', signal);
  if (signal.aborted) throw new AgentwireError('ERR_ABORTED', 'the request was aborted', { cause: signal.reason });
}
