import type { Logger, LogMessage } from '@agentwire/core';
import { everyLine, LineBudget } from '@agentwire/core/internal';
import type { ProxySession } from '@agentwire/core/session';
import type { Affinity } from './agent/affinities.ts';
import { boundedFields, boundedLine } from './agents-words.ts';
import type { ResolvedPoolOptions } from './options.ts';

/** Limit of the lines of one agent in a second, over all of its connections. */
const MAX_LINES_PER_SECOND = 100;

/** Log lines of one agent: each is written, with the id of its request, up to {@link MAX_LINES_PER_SECOND}. */
export class AgentLog {
  readonly #agent: string;
  /** Logger that merges no lines: those with the same text are about different requests. */
  readonly #lines: Logger;
  readonly #budget: LineBudget;

  constructor(agent: string, { logger, clock }: Pick<ResolvedPoolOptions, 'logger' | 'clock'>) {
    this.#agent = agent;
    this.#lines = everyLine(logger);
    const report = (leftOut: number): void =>
      this.#lines.warn(
        { agent, leftOut, limit: MAX_LINES_PER_SECOND },
        `${leftOut} log lines of an agent were left out: more than ${MAX_LINES_PER_SECOND} in a second`,
      );
    this.#budget = new LineBudget(MAX_LINES_PER_SECOND, report, clock);
  }

  /** Writes a line of the agent; `id` and `agent` are fields of the pool. */
  write({ level, id: wireId, fields, message }: LogMessage, session: ProxySession): void {
    if (!this.#budget.admit()) return;
    const owner = wireId === undefined ? undefined : (session.find(wireId)?.owner as Affinity | undefined);
    const { requestId, ...others } = boundedFields(fields);
    // a request that is over, as in onRequestComplete, is known to its agent only
    const id = owner === undefined ? requestId : String(owner.id);
    this.#lines[level]({ ...others, ...(id !== undefined && { id }), agent: this.#agent }, boundedLine(message));
  }
}
