import { type Clock, systemClock, type TimerHandle } from './clock.ts';
import { inOrder, isInOrder, type Logger, type LogMethod, SafeLogger, safeLogger, silentLogger } from './logger.ts';

/** Time that repeats of a line are counted before they are summed up, in milliseconds. */
const WINDOW_MS = 10_000;
/** Limit of lines that are told apart at a time; the rest counts as one. */
const MAX_LINES = 256;
/** Fields that distinguish lines; others, such as a connection, may differ each time. */
const TELLING: readonly string[] = [
  'agent',
  'code',
  'event',
  'handler',
  'kind',
  'node',
  'of',
  'policy',
  'quirk',
  'source',
  'type',
  'upstream',
];

type Fields = Parameters<LogMethod>[0];

interface Line {
  readonly message: string;
  since: number;
  repeats: number;
  /** Time of the last repeat. */
  lastAt: number;
  fields: Fields;
  timer: TimerHandle;
}

/** Logger that counts the repeats of its lines. */
class RepeatedLines implements Logger {
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
  /** Logger that gets the lines. */
  readonly inner: Logger;
  /** True if debug and info lines are counted too. */
  readonly all: boolean;
  readonly #clock: Clock;
  readonly #lines = new Map<string, Line>();

  constructor(logger: Logger, clock: Clock, all: boolean) {
    const counted =
      (level: keyof Logger): LogMethod =>
      (fields, message) =>
        this.#log(level, logger[level], fields, message);
    this.#clock = clock;
    this.inner = logger;
    this.all = all;
    this.debug = all ? counted('debug') : logger.debug;
    this.info = all ? counted('info') : logger.info;
    this.warn = counted('warn');
    this.error = counted('error');
  }

  #log(level: string, write: LogMethod, fields: Fields, message: string): void {
    try {
      if (!isInOrder(fields, message)) [fields, message] = inOrder(fields, message);
      this.#count(level, write, fields, message);
    } catch {
      // a line must not be lost because the clock fails
      write(fields, message);
    }
  }

  #count(level: string, write: LogMethod, fields: Fields, message: string): void {
    const key = this.#keyOf(level, fields, message);
    const now = this.#clock.now();
    const line = this.#lines.get(key);
    if (line === undefined) {
      this.#lines.set(key, { message, since: now, repeats: 0, lastAt: now, fields, timer: undefined });
      return write(fields, message);
    }
    if (line.repeats === 0 && now - line.since >= WINDOW_MS) {
      line.since = now;
      return write(fields, message);
    }
    line.repeats += 1;
    line.lastAt = now;
    line.fields = fields;
    if (line.repeats === 1)
      line.timer = this.#clock.setTimeout(() => this.#sumUp(line, write, message), WINDOW_MS - (now - line.since));
  }

  #sumUp(line: Line, write: LogMethod, message: string): void {
    const { fields, repeats } = line;
    line.repeats = 0;
    line.since = this.#clock.now();
    const agoS = Math.round((line.since - line.lastAt) / 1000);
    const ago = agoS > 0 ? `, the last ${agoS} s ago` : '';
    write(
      { ...fields, repeats },
      `${message} (${repeats === 1 ? 'once' : `${repeats} times`} more in ${WINDOW_MS / 1000} s${ago})`,
    );
  }

  drop(agent: string, messages: readonly string[]): void {
    for (const line of this.#lines.values()) {
      const { repeats, fields, message, timer } = line;
      if (repeats === 0 || fields['agent'] !== agent || !messages.some((begin) => message.startsWith(begin))) continue;
      this.#clock.clearTimeout(timer);
      line.repeats = 0;
    }
  }

  #keyOf(level: string, fields: Fields, message: string): string {
    let key = `${level}\0${message.slice(0, 200)}`;
    for (const name of TELLING) {
      const value = fields[name];
      if (typeof value === 'string' || typeof value === 'number') key += `\0${name}=${String(value).slice(0, 100)}`;
    }
    if (this.#lines.has(key) || this.#lines.size < MAX_LINES) return key;
    this.#forgetOld();
    return this.#lines.size < MAX_LINES ? key : `${level}\0`;
  }

  #forgetOld(): void {
    const before = this.#clock.now() - WINDOW_MS;
    for (const [key, { since, repeats }] of this.#lines) if (repeats === 0 && since <= before) this.#lines.delete(key);
  }
}

/**
 * Wraps a logger so that warnings and errors cannot flood it: the first of a kind is written at once, its repeats are
 * counted and summed up once every 10 s, with their number in a field `repeats` and the time since the last one. Lines are of one kind where their level, message and telling
 * fields (`agent`, `code`, `event`, `handler`, `kind`, `node`, `of`, `policy`, `quirk`, `source`, `type`, `upstream`) are the same; past 256 kinds at a time
 * the rest counts as one. Never throws; returns a logger that counts already itself.
 */
export function countRepeats(logger: Logger, clock: Clock = systemClock): Logger {
  if (logger === silentLogger || logger instanceof RepeatedLines) return logger;
  return new RepeatedLines(safeLogger(logger), clock, false);
}

/**
 * Drops the repeats of lines about an agent that wait to be summed up, for a state that is over: told after the line about its end, they would
 * look like a new beginning.
 *
 * @param messages what the messages of those lines begin with
 */
export function dropRepeats(logger: Logger, agent: string, messages: readonly string[]): void {
  if (logger instanceof RepeatedLines) logger.drop(agent, messages);
}

/** Wraps a logger as {@link countRepeats} does, and counts lines of the levels `debug` and `info` too: for lines whose texts come from a peer. */
export function countAllRepeats(logger: Logger, clock: Clock = systemClock): Logger {
  if (logger === silentLogger || (logger instanceof RepeatedLines && logger.all)) return logger;
  return new RepeatedLines(safeLogger(logger), clock, true);
}

/** Returns the logger that {@link countRepeats} has wrapped, safe, for lines that have a bound of their own. */
export function everyLine(logger: Logger): Logger {
  return logger instanceof RepeatedLines || logger instanceof SafeLogger ? everyLine(logger.inner) : safeLogger(logger);
}
