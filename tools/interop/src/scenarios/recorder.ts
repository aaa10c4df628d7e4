import type { Decision } from '@agentwire/core';
import { fieldsOf } from '@agentwire/core/internal';
import type { EventBody } from '@agentwire/core/session';
import type { Outcome, Seen } from '../outcome/outcome.ts';
import { effectOf } from '../outcome/wire-decision.ts';
import type { Peer } from '../proxies/peer.ts';

/** Plays the steps of one scenario and writes down what came of each. */
export class Recorder {
  readonly peer: Peer;
  readonly outcomes: Outcome[] = [];
  readonly #scenario: string;

  constructor(peer: Peer, scenario: string) {
    this.peer = peer;
    this.#scenario = scenario;
  }

  note(step: string, seen: Seen): void {
    this.outcomes.push({ scenario: this.#scenario, step, seen });
  }

  /** Notes a value, or the error of getting it. */
  async value(step: string, get: () => unknown): Promise<void> {
    try {
      this.note(step, { value: await get() });
    } catch (error) {
      this.note(step, { error: textOf(error) });
    }
  }

  /** Asks, and gives what was seen. */
  async see(id: string, event: EventBody): Promise<Seen> {
    return seenOf(event, () => this.peer.ask(id, event));
  }

  async ask(step: string, id: string, event: EventBody): Promise<void> {
    this.note(step, await this.see(id, event));
  }
}

/** Asks about an event and records the outcome. */
export async function seenOf(event: object, ask: () => Promise<Decision>): Promise<Seen> {
  const sent = 'data' in event ? Buffer.from(event.data as Uint8Array).toString('latin1') : undefined;
  try {
    return { effect: effectOf(fieldsOf(await ask()), sent) };
  } catch (error) {
    return { error: textOf(error) };
  }
}

function textOf(error: unknown): string {
  const { code, message } = error as { code?: string; message: string };
  return code === undefined ? message : `${code}: ${message}`;
}
