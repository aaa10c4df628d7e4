import type { AgentPool, AgentPoolOptions } from '@agentwire/pool';
import type { AgentProcess } from '../agents/agent-process.ts';
import { monotonicMs } from '../now.ts';
import { waitUntil, within } from '../wait.ts';
import type { Outcome } from './asked.ts';
import type { Cell } from './cell.ts';
import { headers } from './events.ts';

/** A pool of a cell whose every request is followed to its outcome. */
export class Pooled {
  readonly pool: AgentPool;
  readonly #cell: Cell;
  #asked = 0;

  constructor(cell: Cell, options: AgentPoolOptions = {}, pool: AgentPool = cell.pool(options)) {
    this.#cell = cell;
    this.pool = pool;
  }

  /** Asks an agent about one request. */
  ask(agent: string, uri: string = '/?n=0', timeoutMs: number = 2_000): Promise<Outcome> {
    const id = `p-${(this.#asked += 1)}`;
    const question = this.pool.request(agent, { ...headers(uri), id }, { only: true, timeoutMs });
    return this.#cell.asked.follow(question, timeoutMs);
  }

  /** Asks every few milliseconds until a decision comes. @returns the time of it, `Infinity` for none within `limitMs` */
  async firstDecision(agent: string, limitMs: number): Promise<number> {
    const until = monotonicMs() + limitMs;
    while (monotonicMs() < until) {
      const { decision, at } = await this.ask(agent);
      if (decision !== undefined) return at;
      await waitUntil(() => false, 5);
    }
    return Infinity;
  }

  /**
   * Starts an agent again at the address that it had, and asks meanwhile.
   *
   * @returns the agent; the time from its listening to the first decision, `Infinity` for none within 10 s; and the limit for it: `limitMs`
   *   and what the machine's waits add, after the time in which a plain session got its first answer
   */
  async restart(
    agent: string,
    endpoint: string,
    limitMs: number,
  ): Promise<{ readonly process: AgentProcess; readonly backMs: number; readonly limitMs: number }> {
    const yardstick = await this.#cell.yardstick();
    const starting = this.#cell.agent('faults', endpoint);
    const decided = this.firstDecision(agent, 30_000);
    const process = await starting;
    const backMs = ((await within(decided, 10_000)) ?? Infinity) - process.listeningAt;
    const allowedMs = await yardstick.allows(
      limitMs,
      process.listeningAt,
      process.listeningAt + Math.min(backMs, 10_000),
    );
    return { process, backMs, limitMs: allowedMs + process.answeredMs };
  }

  /** Waits until an agent has so many healthy connections. */
  connected(agent: string, count: number, limitMs: number = 5_000): Promise<boolean> {
    return waitUntil(() => this.pool.getHealth(agent).healthyConnections === count, limitMs);
  }
}
