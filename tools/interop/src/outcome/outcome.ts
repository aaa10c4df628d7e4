/** Effect of a decision, on any transport: fields without an effect are left out, so that two effects compare field by field. */
export interface Effect {
  /** `allow`, or the block, redirect or challenge in the wire's shape. */
  readonly verdict: unknown;
  /** The agent asks for the next chunk. */
  readonly more?: true;
  readonly requestHeaders?: readonly string[];
  readonly responseHeaders?: readonly string[];
  readonly tags?: readonly string[];
  readonly rules?: readonly string[];
  readonly confidence?: number;
  readonly reasons?: readonly string[];
  readonly custom?: Readonly<Record<string, unknown>>;
  /** `drop`, or the text that replaces the chunk; a chunk that passes unchanged leaves it out. */
  readonly body?: string;
  /** `drop` or `close CODE REASON`; allow leaves it out. */
  readonly webSocket?: string;
  /** `clean`, or the categories that were found. */
  readonly guardrail?: string;
}

/** Outcome of a step of a scenario. */
export type Seen = { readonly effect: Effect } | { readonly value: unknown } | { readonly error: string };

/** One step, as the proxy side saw it. */
export interface Outcome {
  readonly scenario: string;
  readonly step: string;
  readonly seen: Seen;
}

/** Writes what was seen in one short line. */
export function showSeen(seen: Seen): string {
  if ('error' in seen) return `error: ${seen.error}`;
  const text = JSON.stringify('effect' in seen ? seen.effect : seen.value);
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
