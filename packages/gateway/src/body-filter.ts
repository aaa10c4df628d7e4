import type { Decision, RequestBodyChunk, ResponseBodyChunk } from '@agentwire/core';
import { Refusal } from './refusal.ts';

/** Asks one agent about one chunk. */
export type AskAboutChunk = (
  agent: string,
  chunk: Omit<RequestBodyChunk | ResponseBodyChunk, 'id' | 'type'>,
) => Promise<Decision>;

const EMPTY = new Uint8Array(0);

/**
 * Takes one body, chunk by chunk, through the agents that asked for it: each may pass, drop or replace a chunk, or end
 * the matter. A chunk goes on only when every agent has decided on it.
 */
export class BodyFilter {
  readonly #mutation: 'requestBodyMutation' | 'responseBodyMutation';
  readonly #ask: AskAboutChunk;
  /** Agents that still want chunks, and the index each of them expects. */
  readonly #active: Map<string, number>;

  constructor(agents: readonly string[], mutation: 'requestBodyMutation' | 'responseBodyMutation', ask: AskAboutChunk) {
    this.#active = new Map(agents.map((agent) => [agent, 0]));
    this.#mutation = mutation;
    this.#ask = ask;
  }

  /** Whether no agent wants more: the rest may pass unasked. */
  get done(): boolean {
    return this.#active.size === 0;
  }

  /** @returns what goes on in the chunk's place; may be empty. @throws Refusal when an agent does not allow it */
  async filter(data: Uint8Array, last: boolean): Promise<Uint8Array> {
    let current = data;
    for (const [agent, index] of this.#active) {
      if (current.byteLength === 0 && !last) break;
      const decision = await this.#ask(agent, { index, data: current, last });
      if (decision.verdict.type !== 'allow') throw new Refusal(agent, decision);
      const mutation = decision[this.#mutation];
      if (mutation !== undefined && mutation.data !== null)
        current = mutation.data.byteLength === 0 ? EMPTY : mutation.data;
      if (decision.needsMore === true) this.#active.set(agent, index + 1);
      else this.#active.delete(agent);
    }
    return current;
  }
}
