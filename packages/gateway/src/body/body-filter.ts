import type { Decision, RequestBodyChunk, ResponseBodyChunk } from '@agentwire/core';
import { Refusal } from '../response/refusal.ts';

/** Asks one agent about one chunk. */
type AskAboutChunk = (
  agent: string,
  chunk: Omit<RequestBodyChunk | ResponseBodyChunk, 'id' | 'type'>,
) => Promise<Decision>;

/** What a {@link BodyFilter} works with. */
export interface BodyFilterOptions {
  /** Those that want the body, in the order they are asked. */
  readonly agents: readonly string[];
  /** Where a decision has its change of a chunk. */
  readonly mutation: 'requestBodyMutation' | 'responseBodyMutation';
  /** Longest chunk that an agent is asked about, in bytes. */
  readonly maxChunkBytes: number;
  readonly ask: AskAboutChunk;
  /**
   * Takes the header operations of every decision that lets a chunk go on.
   *
   * @returns what the agent's failure policy decides where their head has gone already
   */
  readonly onAllow: (decision: Decision, agent: string) => Decision | undefined;
}

const EMPTY = new Uint8Array(0);

/**
 * Takes one body, chunk by chunk, through the agents that asked for it: each may pass, drop or replace a chunk, or end
 * the matter. A chunk goes on only when every agent has decided on it.
 */
export class BodyFilter {
  readonly #options: BodyFilterOptions;
  /** Agents that still want chunks, and the index each of them expects. */
  readonly #active: Map<string, number>;
  #error: unknown;

  constructor(options: BodyFilterOptions) {
    this.#options = options;
    this.#active = new Map(options.agents.map((agent) => [agent, 0]));
  }

  /** Whether no agent wants more: the rest may pass unasked. */
  get done(): boolean {
    return this.#active.size === 0;
  }

  /** Why an agent's decision could not be had, or what it refused. */
  get error(): unknown {
    return this.#error;
  }

  /** @returns what goes on in the chunk's place; may be empty. @throws Refusal when an agent does not allow it */
  async filter(data: Uint8Array, last: boolean): Promise<Uint8Array> {
    try {
      let current = data;
      for (const agent of this.#active.keys()) {
        if (current.byteLength === 0 && !last) break;
        current = await this.#through(agent, current, last);
      }
      // there is nothing after the last chunk, whatever an agent says
      if (last) this.#active.clear();
      return current;
    } catch (error) {
      this.#error = error;
      throw error;
    }
  }

  /** Asks in pieces where a chunk is too long for one question, as one is that another agent has made. */
  async #through(agent: string, data: Uint8Array, last: boolean): Promise<Uint8Array> {
    const { maxChunkBytes } = this.#options;
    if (data.byteLength <= maxChunkBytes) return this.#ask(agent, data, last);
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < data.byteLength; at += maxChunkBytes) {
      const piece = data.subarray(at, at + maxChunkBytes);
      const end = at + maxChunkBytes >= data.byteLength;
      pieces.push(this.#active.has(agent) ? await this.#ask(agent, piece, last && end) : piece);
    }
    return Buffer.concat(pieces);
  }

  async #ask(agent: string, data: Uint8Array, last: boolean): Promise<Uint8Array> {
    const index = this.#active.get(agent) ?? 0;
    const decision = await this.#options.ask(agent, { index, data, last });
    if (decision.verdict.type !== 'allow') throw new Refusal(agent, decision);
    const instead = this.#options.onAllow(decision, agent);
    if (instead !== undefined && instead.verdict.type !== 'allow') throw new Refusal(agent, instead);
    if (decision.needsMore === true) this.#active.set(agent, index + 1);
    else this.#active.delete(agent);
    const changed = decision[this.#options.mutation]?.data ?? data;
    return changed.byteLength === 0 ? EMPTY : changed;
  }
}
