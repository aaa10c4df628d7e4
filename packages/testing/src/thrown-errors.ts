import { AgentwireError, type RequestId, type RequestMetadata } from '@agentwire/core';

/** Requests whose failure is kept; past it the oldest one is forgotten. */
const MAX_KEPT = 1_000;

const textOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

/** Errors that the handlers of an agent threw, until their requests are over: what a proxy gets does not have their text. */
export class ThrownErrors {
  /** By the id that the handler's context had. */
  readonly #thrown = new Map<string | undefined, unknown>();

  /** Keeps what a handler threw. */
  add(thrown: unknown, requestId: string | undefined): void {
    const [oldest] = this.#thrown.keys();
    if (this.#thrown.size >= MAX_KEPT) this.#thrown.delete(oldest);
    this.#thrown.set(requestId, thrown);
  }

  /**
   * Returns the error that a proxy gets, with what the handler threw as its cause and in its message. Forgets that.
   *
   * @param id of the exchange: contexts have it where the event's request has none, or is not known
   */
  explain(error: AgentwireError, id: RequestId, metadata: Partial<RequestMetadata> = {}): AgentwireError {
    const ids = [metadata.requestId, metadata.correlationId, String(id)];
    const known = ids.find((one) => one !== undefined && this.#thrown.has(one));
    if (known === undefined) return error;
    const cause = this.#thrown.get(known);
    this.#thrown.delete(known);
    const text = textOf(cause);
    const message = error.message.includes(text) ? error.message : `${error.message}: ${text}`;
    const { code, retryable, detail } = error;
    return new AgentwireError(code, message, { cause, retryable, ...(detail !== undefined && { detail }) });
  }
}
