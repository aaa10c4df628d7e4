/** Number of slots, one for every value of three hexadecimal digits: of 256 spans at a time, one of sixteen loses its slot. */
const SLOTS = 4_096;

/** Span under its `traceparent`. */
export interface LiveSpan {
  readonly traceparent: string;
}

/**
 * Spans that have not ended, by their `traceparent`: a child then needs no context that is read from that text again, at 1 µs each.
 * One that has lost its slot to another is not found.
 */
export class LiveSpans<T extends LiveSpan> {
  readonly #slots: (T | undefined)[] = Array.from({ length: SLOTS }, () => undefined);

  add(span: T): void {
    this.#slots[slotOf(span.traceparent)] = span;
  }

  find(traceparent: string): T | undefined {
    const span = this.#slots[slotOf(traceparent)];
    return span?.traceparent === traceparent ? span : undefined;
  }

  remove(span: T): void {
    const slot = slotOf(span.traceparent);
    if (this.#slots[slot] === span) this.#slots[slot] = undefined;
  }
}

/** Returns the number of the last three digits of the span id, which is random. */
function slotOf(traceparent: string): number {
  return ((digitAt(traceparent, 49) << 8) | (digitAt(traceparent, 50) << 4) | digitAt(traceparent, 51)) & (SLOTS - 1);
}

/** Reads a hexadecimal digit in lower case. */
function digitAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return (code & 15) + (code >> 6) * 9;
}
