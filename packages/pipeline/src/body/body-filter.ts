import type { Decision, RequestBodyChunk, ResponseBodyChunk } from '@agentwire/core';
import { Refusal } from '../refusal.ts';

/** Asks one agent about one chunk. @param hasChanged whether the agent has changed a chunk before, so that the body cannot pass without it */
type AskAboutChunk = (
  agent: string,
  chunk: Omit<RequestBodyChunk | ResponseBodyChunk, 'id' | 'type'>,
  hasChanged: boolean,
) => Promise<Decision>;

/** Collaborators of a {@link BodyFilter}. */
export interface BodyFilterDeps {
  /** Agents that read the body, in the order they are asked. */
  readonly agents: readonly string[];
  /** Member of a decision that changes the chunk. */
  readonly mutation: 'requestBodyMutation' | 'responseBodyMutation';
  /** Longest chunk that an agent is asked about, in bytes. */
  readonly maxChunkBytes: number;
  readonly ask: AskAboutChunk;
  /**
   * Called for every decision that passes a chunk, with its header operations.
   *
   * @returns the decision of the agent's failure policy where their head was sent already
   */
  readonly onAllow: (decision: Decision, agent: string) => Decision | undefined;
}

const EMPTY = new Uint8Array(0);

/**
 * Asks the agents that read a body about each chunk: each may pass, drop or replace it, or refuse the request. A chunk passes
 * only when every agent has decided on it.
 */
export class BodyFilter {
  readonly #options: BodyFilterDeps;
  /** Agents that still read chunks, with the index of the next chunk. */
  readonly #active: Map<string, number>;
  /** Agents that have changed a chunk, and may owe what they took out of it; `undefined` where none has. */
  #changers: Set<string> | undefined;
  #error: unknown;

  constructor(options: BodyFilterDeps) {
    this.#options = options;
    this.#active = new Map(options.agents.map((agent) => [agent, 0]));
  }

  /** `true` when no agent reads more: the rest passes unasked. */
  get done(): boolean {
    return this.#active.size === 0;
  }

  /** Error or refusal that ended it. */
  get error(): unknown {
    return this.#error;
  }

  /** Asks about a chunk. @returns its replacement, which may be empty. @throws Refusal when an agent does not allow it */
  async filter(data: Uint8Array, last: boolean): Promise<Uint8Array> {
    try {
      let current = data;
      for (const agent of this.#active.keys()) {
        if (current.byteLength === 0 && !last) break;
        current = await this.#through(agent, current, last);
      }
      // nothing follows the last chunk
      if (last) this.#active.clear();
      return current;
    } catch (error) {
      this.#error = error;
      throw error;
    }
  }

  /** Splits a chunk that is too long for one event, as the replacement of another agent may be. */
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
    const decision = await this.#options.ask(agent, { index, data, last }, this.#changers?.has(agent) === true);
    if (decision.verdict.type !== 'allow') throw new Refusal(agent, decision);
    const instead = this.#options.onAllow(decision, agent);
    if (instead !== undefined && instead.verdict.type !== 'allow') throw new Refusal(agent, instead);
    if (decision.needsMore === true) this.#active.set(agent, index + 1);
    else this.#active.delete(agent);
    const changed = decision[this.#options.mutation]?.data ?? data;
    if (changed !== data) (this.#changers ??= new Set()).add(agent);
    return changed.byteLength === 0 ? EMPTY : changed;
  }
}
