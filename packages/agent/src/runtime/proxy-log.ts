import { AgentwireError, type Clock, type Connection, type Logger, type LogMessage } from '@agentwire/core';
import { LineBudget } from '@agentwire/core/internal';
import type { AgentSession } from '@agentwire/core/session';
import type { LogFields } from '../handler/agent-handlers.ts';
import type { EventContext } from './event-context.ts';
import { notifyProxy } from './notify.ts';

const LEVELS: ReadonlySet<keyof Logger> = new Set<keyof Logger>(['debug', 'info', 'warn', 'error']);
const MAX_MESSAGE_LENGTH = 4_096;
const MAX_FIELDS = 32;
const MAX_FIELD_LENGTH = 1_024;
const MAX_LINES_PER_SECOND = 100;

/** Log lines of handlers for the proxies whose requests they are about. */
export class ProxyLog {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #sessions: ReadonlySet<AgentSession>;
  readonly #budget: LineBudget;
  /** Connection of the last line that was left out. */
  #overflowed: Connection | undefined;

  constructor(clock: Clock, logger: Logger, sessions: ReadonlySet<AgentSession>) {
    this.#clock = clock;
    this.#logger = logger;
    this.#sessions = sessions;
    this.#budget = new LineBudget(MAX_LINES_PER_SECOND, (count) => this.#reportLeftOut(count), clock);
  }

  /** Sends a line, or leaves it to the agent's own logger. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
  send(from: EventContext, level: keyof Logger, text: string, given: LogFields): boolean {
    if (!LEVELS.has(level) || typeof text !== 'string')
      throw new AgentwireError('ERR_INVALID_ARGUMENT', "log() takes a level and a text: context.log('info', 'a line')");
    const { connection, id } = from.agentRequest;
    const message = text.slice(0, MAX_MESSAGE_LENGTH);
    const fields = bounded(given);
    const { requestId } = from;
    const hasHead = from.request !== undefined;
    if (!connection.peer.accepts.has('log')) {
      this.#logger[level]({ ...fields, ...(hasHead ? { requestId } : { wireId: requestId }) }, message);
      return false;
    }
    if (!this.#budget.admit()) {
      this.#overflowed = connection;
      return false;
    }
    // without its head, only the proxy knows the id of a request
    const named = hasHead ? { ...fields, requestId } : fields;
    return this.#notify(connection, { level, message, id, fields: named });
  }

  #notify(connection: Connection, line: Omit<LogMessage, 'type' | 'timestampMs'>): boolean {
    for (const session of this.#sessions) {
      if (session.connection !== connection) continue;
      return notifyProxy(session, { type: 'log', timestampMs: this.#clock.wallNow(), ...line }, this.#logger);
    }
    return false;
  }

  /** Reports to both ends that lines were left out. */
  #reportLeftOut(count: number): void {
    const message = `${count} log lines for proxies were left out: more than ${MAX_LINES_PER_SECOND} in a second`;
    this.#logger.warn({ leftOut: count, limit: MAX_LINES_PER_SECOND }, message);
    const connection = this.#overflowed;
    this.#overflowed = undefined;
    if (connection === undefined) return;
    const fields = { leftOut: String(count), limit: String(MAX_LINES_PER_SECOND) };
    this.#notify(connection, { level: 'warn', message, fields });
  }
}

function bounded(fields: LogFields): Record<string, string> {
  const some = Object.entries(fields).slice(0, MAX_FIELDS);
  return Object.fromEntries(
    some.map(([name, value]) => [name.slice(0, MAX_FIELD_LENGTH), String(value).slice(0, MAX_FIELD_LENGTH)]),
  );
}
