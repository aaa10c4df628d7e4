import { type JsonValue, type Payload, payload } from '@agentwire/a2a-router';

/** Name of the signal with which a handler asks back. */
export const INPUT_REQUIRED = 'InputRequired';
/** Name of the signal with which a handler tells how far it is. */
export const PROGRESS = 'Progress';

/**
 * Question of a handler to its caller: the last part of its answer, or all of it.
 *
 * The task then waits; the caller's next message with its task id reaches the service as a message with the same trace id.
 */
export function inputRequired(question: JsonValue): Payload {
  return payload.signal(INPUT_REQUIRED, question);
}

/** Progress of a handler: a part of its answer that becomes the status of the task, not of its result. */
export function progress(note: JsonValue): Payload {
  return payload.signal(PROGRESS, note);
}
