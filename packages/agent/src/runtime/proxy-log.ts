import { AgentwireError, type Clock, type Logger, type LogMessage } from '@agentwire/core';
import { countRepeats } from '@agentwire/core/internal';
import type { AgentSession } from '@agentwire/core/session';
import type { LogFields } from '../handler/agent-handlers.ts';
import type { EventContext } from './event-context.ts';
import { notifyProxy } from './notify.ts';

const LEVELS: ReadonlySet<keyof Logger> = new Set<keyof Logger>(['debug', 'info', 'warn', 'error']);
const MAX_MESSAGE_LENGTH = 4_096;
const MAX_FIELDS = 32;
const MAX_FIELD_LENGTH = 1_024;
const MAX_LINES_PER_SECOND = 100;
const SECOND_MS = 1_000;

/** Log lines of handlers for the proxies whose requests they are about. */
export class ProxyLog {
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** Logger of what was dropped; counts repeats. */
  readonly #lines: Logger;
  readonly #sessions: ReadonlySet<AgentSession>;
  #secondFrom = -SECOND_MS;
  #inSecond = 0;

  constructor(clock: Clock, logger: Logger, sessions: ReadonlySet<AgentSession>) {
    this.#clock = clock;
    this.#logger = logger;
    this.#lines = countRepeats(logger, clock);
    this.#sessions = sessions;
  }

  /** Sends a line, or leaves it to the agent's own logger. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
  send(from: EventContext, level: keyof Logger, text: string, given: LogFields): boolean {
    if (!LEVELS.has(level) || typeof text !== 'string')
      throw new AgentwireError('ERR_INVALID_ARGUMENT', "log() takes a level and a text: context.log('info', 'a line')");
    const { connection, id } = from.agentRequest;
    const message = text.slice(0, MAX_MESSAGE_LENGTH);
    const fields = bounded(given);
    if (!connection.peer.accepts.has('log')) {
      this.#logger[level]({ ...fields, requestId: from.requestId }, message);
      return false;
    }
    if (!this.#admit()) {
      this.#lines.warn({ limit: MAX_LINES_PER_SECOND }, 'log lines for proxies were dropped: more than 100 a second');
      return false;
    }
    const line: LogMessage = { type: 'log', level, message, id, fields, timestampMs: this.#clock.wallNow() };
    for (const session of this.#sessions)
      if (session.connection === connection) return notifyProxy(session, line, this.#logger);
    return false;
  }

  #admit(): boolean {
    const now = this.#clock.now();
    if (now - this.#secondFrom >= SECOND_MS) {
      this.#secondFrom = now;
      this.#inSecond = 0;
    }
    this.#inSecond += 1;
    return this.#inSecond <= MAX_LINES_PER_SECOND;
  }
}

function bounded(fields: LogFields): Record<string, string> {
  const some = Object.entries(fields).slice(0, MAX_FIELDS);
  return Object.fromEntries(
    some.map(([name, value]) => [name.slice(0, MAX_FIELD_LENGTH), String(value).slice(0, MAX_FIELD_LENGTH)]),
  );
}
