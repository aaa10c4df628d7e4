import { EVENT_TYPES, type EventType } from '@agentwire/core';
import { readIntegers, type JsonObject } from './read-fields.ts';

// configure is 8 when the crate writes it and 0 when it reads it, so it has no number here; config_push stands for it.
const NUMBERED: readonly EventType[] = EVENT_TYPES.filter((event) => event !== 'configure');

/** The value of `supported_events`: 1 for request headers up to 7 for guardrail inspections. */
export function writeEventNumbers(events: readonly EventType[]): readonly number[] {
  return NUMBERED.flatMap((event, at) => (events.includes(event) ? [at + 1] : []));
}

/**
 * Reads `supported_events`; numbers that are not known are skipped, an absent list gives `undefined`.
 *
 * @throws AgentwireError `ERR_PROTOCOL` when it is not a list of whole numbers.
 */
export function readEventNumbers(from: JsonObject): readonly EventType[] | undefined {
  const numbers = readIntegers('capabilities', from, 'supported_events');
  return numbers === undefined ? undefined : NUMBERED.filter((_, at) => numbers.includes(at + 1));
}
