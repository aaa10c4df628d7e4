import type { ProxyEvent } from '@agentwire/core';
import { AgentClient } from '@agentwire/v1';
import type { Outcome, Seen } from '../outcome/outcome.ts';
import { seenOf } from '../scenarios/recorder.ts';

/** Timeout of an answer, in milliseconds, in scenarios that do not test it. */
const ANSWER_TIMEOUT_MS = 10_000;

/** The connections of one scenario, and what came of its steps. */
export class Lines {
  readonly outcomes: Outcome[] = [];
  readonly #path: string;
  readonly #scenario: string;
  readonly #clients: AgentClient[] = [];

  constructor(path: string, scenario: string) {
    this.#path = path;
    this.#scenario = scenario;
  }

  /** One connection more. */
  async open(timeoutMs: number = ANSWER_TIMEOUT_MS): Promise<AgentClient> {
    const client = await AgentClient.unixSocket(this.#path, { timeoutMs });
    this.#clients.push(client);
    return client;
  }

  note(step: string, seen: Seen): void {
    this.outcomes.push({ scenario: this.#scenario, step, seen });
  }

  async ask(step: string, line: AgentClient, event: ProxyEvent): Promise<void> {
    this.note(step, await seenOf(event, () => line.sendEvent(event)));
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
  }
}
